/** The keys, listed. */
import { Kbd, Modal } from "@mantine/core";
import { keyHelp } from "./keyboard.ts";
import classes from "./keyboard-help.module.css";

/** Opened by `?`. */
export default function KeyboardHelp({ onClose }: { onClose: () => void }) {
  return (
    <Modal
      opened
      onClose={onClose}
      title="Keys"
      size="sm"
      centered
      closeButtonProps={{ "aria-label": "Close" }}
    >
      <dl className={classes.keys}>
        {keyHelp.map(({ keys, action, what }) => (
          <div key={action} className={classes.line}>
            <dt>
              {keys.map((key) => (
                <Kbd key={key}>{key}</Kbd>
              ))}
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
    </Modal>
  );
}
