// Sentences of scripts in the page's language. They are written in German; the server has their English form.

const english = document.documentElement.lang === "en" ? (await import("/texts/en.js")).default : {};

/** `sentence` in the page's language, with `{name}` filled in from `details`. */
export function _(sentence, details = {}) {
  return (english[sentence] ?? sentence).replace(/\{(\w+)\}/g, (all, name) => details[name] ?? all);
}

/** The sentence for `count` things. */
export function _n(one, many, count, details = {}) {
  return _(count === 1 ? one : many, { count, ...details });
}
