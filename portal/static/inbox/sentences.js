// Sentences of the page's language, from the template that the server filled in.

const all = document.querySelector("template[data-sentences]").dataset;

/** The sentence `name`, with details in place of `{name}`. */
export function sentence(name, details = {}) {
  return Object.entries(details).reduce((text, [key, value]) => text.replace(`{${key}}`, value), all[name] ?? name);
}

/** Who is logged in here. */
export const user = all.user;
