/** Levels of lists and objects inside each other; deeper ones exhaust the stack of whoever walks through them. */
const deepest = 500;

const [quote, backslash, ...brackets] = '"\\[{]}'.split("").map((mark) => mark.charCodeAt(0));

function isTooDeep(text: string): boolean {
  let [depth, isInside] = [0, false];
  for (let i = 0; i < text.length; i++) {
    const mark = text.charCodeAt(i);
    if (mark === quote) isInside = !isInside;
    else if (isInside && mark === backslash) i++;
    else if (!isInside) {
      const kind = brackets.indexOf(mark);
      if (kind >= 0) depth += kind < 2 ? 1 : -1;
      if (depth > deepest) return true;
    }
  }
  return false;
}

/** The value of JSON that somebody else wrote. Throws `SyntaxError` where it is none, or nested too deep. */
export function parseJson(text: string): unknown {
  const value: unknown = JSON.parse(text);
  if (isTooDeep(text)) throw new SyntaxError(`it is nested more than ${deepest} levels deep`);
  return value;
}
