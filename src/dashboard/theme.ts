/** The look of the page. Colours and fonts are in theme.css: the policy allows no inline styles. */
import { createTheme } from "@mantine/core";

/** Mantine's components as this page wants them. */
export const theme = createTheme({
  primaryColor: "indigo",
  defaultRadius: "md",
  cursorType: "pointer",
  respectReducedMotion: true,
  components: {
    // Locking the scroll would add a style element, which the policy refuses. Named, not imported: a
    // dialog comes with what opens it.
    Modal: { defaultProps: { lockScroll: false } },
  },
});
