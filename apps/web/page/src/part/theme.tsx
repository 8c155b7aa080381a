import { effect, signal } from '@preact/signals';

const KEY = 'fetchfleet-theme';
const THEMES = ['system', 'light', 'dark'] as const;
type ThemeName = (typeof THEMES)[number];

const theme = signal<ThemeName>(stored());
effect(() => {
  document.documentElement.dataset['theme'] = theme.value;
});

function stored(): ThemeName {
  const text = localStorage.getItem(KEY);
  return THEMES.find((name) => name === text) ?? 'system';
}

/** As the system has it, light, or dark. */
export function Theme() {
  const next = THEMES[(THEMES.indexOf(theme.value) + 1) % THEMES.length] ?? 'system';
  return (
    <button
      type="button"
      class="plain"
      title={`Colours: ${theme.value}. Click for ${next}`}
      aria-label={`Colours: ${theme.value}`}
      onClick={() => {
        localStorage.setItem(KEY, next);
        theme.value = next;
      }}
    >
      <span aria-hidden="true">{{ system: '◐', light: '○', dark: '●' }[theme.value]}</span>
    </button>
  );
}
