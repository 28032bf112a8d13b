/** Whose time is shown: the reader's or UTC. */
import { useLocalStorage } from "@mantine/hooks";

/** A time zone to show times in. */
export type Zone = "local" | "UTC";

/** The zone chosen in this browser, and the way to change it. */
export function useZone(): [Zone, (zone: Zone) => void] {
  const [zone, setZone] = useLocalStorage<Zone>({
    key: "annals/zone",
    defaultValue: "local",
    getInitialValueInEffect: false,
  });
  return [zone === "UTC" ? "UTC" : "local", setZone];
}
