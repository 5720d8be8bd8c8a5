// What pages do by themselves. Everything works without it; with it, a form is sent once, and what went wrong is read first.

for (const form of document.querySelectorAll('form[method="post"]')) {
  form.addEventListener('submit', (event) => {
    if (form.dataset.sent) {
      event.preventDefault();
      return;
    }
    form.dataset.sent = 'yes';
    for (const button of form.querySelectorAll('button')) button.setAttribute('aria-disabled', 'true');
  });
}

// A page that comes back from the browser's memory may be used again: its form's number tells the server what was sent before.
window.addEventListener('pageshow', (event) => {
  if (!event.persisted) return;
  for (const form of document.querySelectorAll('form[data-sent]')) {
    delete form.dataset.sent;
    for (const button of form.querySelectorAll('button')) button.removeAttribute('aria-disabled');
  }
});

document.getElementById('told')?.focus();

// "All" ticks every box of the name it is for.
for (const all of document.querySelectorAll('input[data-all]')) {
  all.addEventListener('change', () => {
    for (const box of document.querySelectorAll(`input[name="${all.dataset.all}"]`)) box.checked = all.checked;
  });
}

for (const button of document.querySelectorAll('button[data-print]')) button.addEventListener('click', () => window.print());
