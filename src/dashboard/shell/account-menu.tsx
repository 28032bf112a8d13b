import { timestampMs } from "@bufbuild/protobuf/wkt";
import { Button, Menu, Text } from "@mantine/core";
import {
  IconChevronDown,
  IconClock,
  IconLogout,
  IconMoon,
  IconSun,
  IconUserCircle,
} from "@tabler/icons-react";
import { type Caller, CallerType } from "../../../gen/audit/v1/access_service_pb.ts";
import { grantsInWords, roleWords } from "../session/caller-words.ts";
import { timeLeft } from "../session/expiry.ts";
import { useSession } from "../session/session.tsx";
import { CopyItem } from "../text/copy-item.tsx";
import { Plain } from "../text/plain.tsx";
import { useZone } from "../time/zone.tsx";
import classes from "./shell.module.css";
import { shortTeam } from "./team-words.ts";
import { useColours } from "./use-colours.ts";

/** Who is signed in, and the way out. */
export function AccountMenu() {
  const { caller, signOut } = useSession();
  if (caller === undefined) return null;
  const name = caller.name || caller.id;
  return (
    <Menu
      position="bottom-end"
      width="min(20rem, 92vw)"
      shadow="md"
      // An element that is no item must not be in a menu.
      withInitialFocusPlaceholder={false}
    >
      <Menu.Target>
        <Button
          variant="default"
          size="xs"
          className={classes.account ?? ""}
          leftSection={<IconUserCircle size={18} aria-hidden />}
          rightSection={<IconChevronDown size={14} aria-hidden />}
          aria-label={`Account: ${name}`}
        >
          <span className={classes.accountName}>
            <Plain text={name} />
          </span>
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        <Identity caller={caller} />
        <CopyItem text={caller.id} label="Copy your id" />
        <Menu.Divider />
        <ZoneItem />
        <ColoursItem />
        <Menu.Divider />
        <Menu.Item leftSection={<IconLogout size={16} aria-hidden />} onClick={signOut}>
          Sign out
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}

function Identity({ caller }: { caller: Caller }) {
  const { type, id, name, teamId, expireTime, grants } = caller;
  const isProgram = type === CallerType.API_KEY || type === CallerType.SERVICE;
  return (
    <div className={classes.identity}>
      {name !== "" && (
        <Text fw={600} size="sm">
          <Plain text={name} />
        </Text>
      )}
      <Text size="xs" className={classes.id ?? ""}>
        <Plain text={id} />
      </Text>
      <Text size="sm">You are {roleWords(caller)}.</Text>
      {teamId !== "" && <Text size="sm">Your team is {shortTeam(teamId)}.</Text>}
      {isProgram && <Text size="sm">It {grantsInWords(grants)}.</Text>}
      <Text size="xs" c="var(--text-secondary)">
        {expireTime
          ? `Your access works for ${timeLeft(timestampMs(expireTime) - Date.now())}.`
          : "Your access does not end by itself."}
      </Text>
    </div>
  );
}

function ZoneItem() {
  const [zone, setZone] = useZone();
  const other = zone === "UTC" ? "local" : "UTC";
  return (
    <Menu.Item leftSection={<IconClock size={16} aria-hidden />} onClick={() => setZone(other)}>
      {other === "UTC" ? "Show times in UTC" : "Show times in your zone"}
    </Menu.Item>
  );
}

function ColoursItem() {
  const { isDark, toggle } = useColours();
  const Icon = isDark ? IconSun : IconMoon;
  return (
    <Menu.Item leftSection={<Icon size={16} aria-hidden />} onClick={toggle}>
      {isDark ? "Light colours" : "Dark colours"}
    </Menu.Item>
  );
}
