// A tile a channel: real links, so that they can be copied, opened beside or reached with the Tab key; a plain click
// or the Enter key opens the channel in this session, which keeps its uploaded images.
export default function (component) {
  const { data, parentElement, setTriggerValue } = component;
  const grid = parentElement.querySelector(".grid");
  grid.tell = setTriggerValue;
  if (grid.key === data.key) return; // the same tiles: they keep the keyboard's focus
  grid.key = data.key;
  const make = (name, text, css, parent) => {
    const element = document.createElement(name);
    if (text) element.textContent = text;
    if (css) element.className = css;
    parent.append(element);
    return element;
  };
  const tiles = data.tiles.map((tile) => {
    const link = document.createElement("a");
    const url = new URL(window.location.href);
    url.searchParams.set("bundle", data.bundle);
    url.searchParams.set("channel", tile.channel);
    link.href = url.href;
    link.dataset.channel = tile.channel;
    make("strong", `Channel ${tile.channel}`, "", link);
    make("span", tile.class, "class", link).title = tile.class;
    const pictures = make("div", "", "pictures", link);
    for (const picture of tile.pictures) {
      if (!picture.uri) { make("span", "no picture", "none", pictures); continue; }
      const image = make("img", "", "", pictures);
      image.decoding = "async"; // the words do not wait for the pictures
      image.src = picture.uri;
      image.alt = picture.alt;
    }
    if (!tile.pictures.length) make("span", "no image uses it", "none", pictures);
    const list = make("dl", "", "", link);
    for (const [name, value, is_sorted] of tile.facts) {
      make("dt", name, is_sorted ? "sorted" : "", list);
      make("dd", value, is_sorted ? "sorted" : "", list);
    }
    link.onclick = (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
      event.preventDefault();
      grid.tell("opened", tile.channel);
    };
    return link;
  });
  grid.replaceChildren(...tiles);
}
