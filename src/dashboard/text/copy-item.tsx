/** Copying from a menu. */
import { Menu } from "@mantine/core";
import { useClipboard } from "@mantine/hooks";
import { IconCheck, IconCopy } from "@tabler/icons-react";

/** An item that copies a text, and says in its place whether that worked. `label` says what it copies. */
export function CopyItem({ text, label }: { text: string; label: string }) {
  const { copy, copied, error } = useClipboard();
  const Icon = copied ? IconCheck : IconCopy;
  // Browsers give no clipboard to pages that came over plain HTTP.
  const refused = error && "The browser does not let this page copy";
  return (
    <Menu.Item
      closeMenuOnClick={false}
      leftSection={<Icon size={16} aria-hidden />}
      onClick={() => copy(text)}
    >
      {refused ?? (copied ? "Copied" : label)}
    </Menu.Item>
  );
}
