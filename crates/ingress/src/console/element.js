// Makes elements. Texts are inserted as text nodes: the page's policy forbids making HTML of them.

/** The element that has this id. */
export function byId(id) {
  return document.getElementById(id);
}

/** A new element with these attributes and children, which are elements or texts. */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

/** A copy of the page's icon `name`. */
export function icon(name) {
  const copy = document.querySelector('svg.badge').cloneNode(true);
  copy.querySelector('use').removeAttribute('id');
  copy.querySelector('use').setAttribute('href', `#icon-${name}`);
  return copy;
}

/** Shows `part`, or hides it. */
export function appear(part, isShown) {
  part.hidden = !isShown;
}
