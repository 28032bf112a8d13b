/** Light or dark: as the system has it, until somebody chooses. */
import { useComputedColorScheme, useMantineColorScheme } from "@mantine/core";

/** Which colours are shown, and the way to the others. */
export function useColours(): { readonly isDark: boolean; readonly toggle: () => void } {
  // To hold transitions back Mantine would write a style element, which the policy refuses.
  const { setColorScheme } = useMantineColorScheme({ keepTransitions: true });
  const isDark = useComputedColorScheme("light", { getInitialValueInEffect: false }) === "dark";
  return { isDark, toggle: () => setColorScheme(isDark ? "light" : "dark") };
}
