// What scrolls must be reachable by keyboard.
for (const block of document.querySelectorAll("pre, .table-wrapper")) block.tabIndex = 0;
