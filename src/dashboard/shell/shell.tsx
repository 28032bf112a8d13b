/** What stands around every page. */
import { ActionIcon, Group, SegmentedControl } from "@mantine/core";
import { IconHistory, IconKey, IconMoon, IconShieldCheck, IconSun } from "@tabler/icons-react";
import type { ReactNode } from "react";
import { Link, useRoute } from "wouter";
import { LogAlarm } from "../proof/log-alarm.tsx";
import { useZone, type Zone } from "../time/zone.tsx";
import { useChosenLog } from "../view/chosen-log.ts";
import { useView } from "../view/view.ts";
import { AccountMenu } from "./account-menu.tsx";
import { SessionEnded } from "./session-ended.tsx";
import classes from "./shell.module.css";
import { TeamChooser } from "./team-chooser.tsx";
import { useColours } from "./use-colours.ts";

/** The header, and the page below it. */
export function Shell({ children }: { children: ReactNode }) {
  const { teamId, permissions, isAllTeams, isSigned } = useChosenLog();
  return (
    <div className={classes.shell}>
      <button type="button" className={classes.skip} onClick={skipToMain}>
        Skip to the page
      </button>
      <header className={classes.header}>
        <Link href="/" className={classes.name ?? ""}>
          Annals
        </Link>
        <TeamChooser />
        <nav className={classes.pages} aria-label="Pages">
          <PageLink href="/" name="Trail" icon={<IconHistory size={18} aria-hidden />} />
          <PageLink href="/log" name="Proof" icon={<IconShieldCheck size={18} aria-hidden />} />
          {permissions?.manageApiKeys && !isAllTeams && (
            <PageLink href="/keys" name="API keys" icon={<IconKey size={18} aria-hidden />} />
          )}
        </nav>
        <Group gap="xs" wrap="nowrap" className={classes.settings ?? ""}>
          <ZoneSwitch />
          <ColoursSwitch />
          <AccountMenu />
        </Group>
      </header>
      <SessionEnded />
      {permissions && permissions.readableScopes.length > 0 && (
        <LogAlarm teamId={teamId} isSigned={isSigned === true} />
      )}
      <main id="main" tabIndex={-1} className={classes.main}>
        {children}
      </main>
    </div>
  );
}

/** By script, for the address's fragment is the sign-in link's. */
function skipToMain() {
  document.getElementById("main")?.focus();
}

function PageLink(props: { href: string; name: string; icon: ReactNode }) {
  const { href, name, icon } = props;
  const [isHere] = useRoute(href);
  const [{ team }] = useView();
  // A page opens with the team of the one before.
  const search = team === undefined ? "" : `?${new URLSearchParams({ team })}`;
  return (
    <Link
      href={`${href}${search}`}
      className={classes.page ?? ""}
      aria-current={isHere ? "page" : undefined}
      title={name}
    >
      {icon}
      <span className={classes.pageName}>{name}</span>
    </Link>
  );
}

function ZoneSwitch() {
  const [zone, setZone] = useZone();
  return (
    <SegmentedControl
      size="xs"
      className={classes.wide ?? ""}
      aria-label="Time zone"
      value={zone}
      onChange={(value) => setZone(value as Zone)}
      data={[
        { label: "Local", value: "local" },
        { label: "UTC", value: "UTC" },
      ]}
    />
  );
}

function ColoursSwitch() {
  const { isDark, toggle } = useColours();
  return (
    <ActionIcon
      variant="subtle"
      color="gray"
      className={classes.wide ?? ""}
      aria-label={isDark ? "Light colours" : "Dark colours"}
      onClick={toggle}
    >
      {isDark ? <IconSun size={18} /> : <IconMoon size={18} />}
    </ActionIcon>
  );
}
