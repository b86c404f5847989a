// HTML from templates: what is put into one is escaped, unless it is markup itself.

class Markup {
  constructor(text) {
    this.text = text;
  }

  toString() {
    return this.text;
  }
}

const ENTITIES = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

function markupOf(value) {
  if (Array.isArray(value)) return value.map(markupOf).join('');
  if (value instanceof Markup) return value.text;
  return value === undefined ? '' : String(value).replaceAll(/[&<>"']/g, (found) => ENTITIES[found]);
}

/** Markup with values: text, numbers, markup, lists of these; nothing for `undefined`. */
export const html = (strings, ...values) => new Markup(String.raw({ raw: strings }, ...values.map(markupOf)));

/** Markup that others have made. */
export const raw = (text) => new Markup(text);
