// Asks for the page again and again, and shows the parts of it that change, until all is done.
const GIVE_UP = 600_000; // milliseconds
const { src } = document.currentScript;

async function update(pause) {
  try {
    const response = await fetch(location.href);
    if (!response.ok) throw new Error(response.statusText);
    const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
    const parts = fresh.querySelectorAll("[data-live]");
    if (!parts.length) return location.reload(); // logged out elsewhere
    for (const part of parts) {
      const shown = document.getElementById(part.id);
      // Left alone where nothing changed, so that nothing is read aloud twice or flickers.
      if (shown && shown.innerHTML !== part.innerHTML) shown.innerHTML = part.innerHTML;
    }
    const goesOn = [...fresh.scripts].some((script) => script.src === src);
    if (!goesOn || performance.now() > GIVE_UP) return;
  } catch {
    // The server restarts, or the network is away: ask again later.
  }
  setTimeout(update, pause, Math.min(pause * 1.05, 5000)); // milliseconds
}

update(250);
