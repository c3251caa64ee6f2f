// expect: overrun
function* numbers() { for (let i = 0; ; i++) yield i; }
function decodeUplink() { let sum = 0; for (const i of numbers()) sum += i; return { data: { sum } }; }
