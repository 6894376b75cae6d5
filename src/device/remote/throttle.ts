/** Lines that others can cause at will: so many in a minute are said, and then how many were not. */
export function throttled(say: (line: string) => void, most = 10, windowMs = 60_000): (line: string) => void {
  let said = 0;
  let left = 0;
  let until = 0;
  return (line) => {
    const time = performance.now();
    if (time >= until) {
      if (left > 0) say(`${left} more warnings like these`);
      said = left = 0;
      until = time + windowMs;
    }
    if (said < most) say(line);
    else left += 1;
    said += 1;
  };
}
