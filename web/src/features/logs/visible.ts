/** A text as it is shown: what would act on the screen, or hide what stands there, is a sign. */
export function visible(text: string): string {
  return text.replace(acting, (sign) => {
    const code = sign.charCodeAt(0);
    if (code < 0x20) return String.fromCharCode(0x2400 + code);
    return code === 0x7f ? "\u2421" : `\\u${code.toString(16).padStart(4, "0")}`;
  });
}

// Control characters but for the end of a line and the tab, and those that turn the direction of what follows.
// oxlint-disable-next-line no-control-regex -- control characters are what is looked for.
const acting = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g;
