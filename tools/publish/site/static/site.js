// What the theme leaves out: the keyboard reaches what scrolls, and what has a role has a name.
for (const block of document.querySelectorAll("pre, .table-wrapper")) block.tabIndex = 0;
for (const caption of document.querySelectorAll(".caption[role=heading]")) caption.ariaLevel = "2";
for (const head of document.querySelectorAll("th")) {
  if (!head.textContent.trim()) head.replaceWith(document.createElement("td")); // above the rows' names
}
document.querySelector(".sidebar-drawer").ariaLabel = "Site";
document.querySelector(".toc-drawer")?.setAttribute("aria-label", "Page");
