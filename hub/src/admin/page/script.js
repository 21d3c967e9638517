"use strict";
// Shows the page anew every five seconds, but not while nobody looks or somebody selects.
const again = async () => {
  if (!document.hidden && getSelection().isCollapsed) {
    const lost = document.getElementById("lost");
    try {
      const answer = await fetch(location.href, { cache: "no-store", signal: AbortSignal.timeout(4000) });
      if (!answer.ok) throw answer.status;
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      document.querySelector("main").replaceWith(page.querySelector("main"));
      document.title = page.title;
      lost.hidden = true;
    } catch {
      lost.hidden = false;
    }
  }
  setTimeout(again, 5000);
};
setTimeout(again, 5000);
