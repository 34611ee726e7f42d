// Dark unless a person chose light.

const KEY = "omnimri.theme";

function apply(theme: string): void {
  document.documentElement.dataset["theme"] = theme;
}

export function toggleTheme(): void {
  const next = document.documentElement.dataset["theme"] === "light" ? "dark" : "light";
  localStorage.setItem(KEY, next);
  apply(next);
}

apply(localStorage.getItem(KEY) === "light" ? "light" : "dark");
