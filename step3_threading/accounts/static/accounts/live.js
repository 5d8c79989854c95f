// Asks the server again and again for the parts of the page that change, until all work is done.
const { url } = document.currentScript.dataset;

async function update(pause) {
  try {
    const response = await fetch(url);
    if (response.redirected) return location.reload(); // logged out elsewhere
    if (!response.ok) throw new Error(response.statusText);
    const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
    for (const part of fresh.querySelectorAll("[data-live]")) {
      const shown = document.getElementById(part.id);
      // Left alone where nothing changed, so that nothing is read aloud twice or flickers.
      if (shown && shown.innerHTML !== part.innerHTML) shown.innerHTML = part.innerHTML;
    }
    if (fresh.getElementById("settled")) return;
  } catch {
    // The server restarts, or the network is away: ask again later.
  }
  setTimeout(update, pause, Math.min(pause * 1.05, 5000)); // milliseconds
}

update(250);
