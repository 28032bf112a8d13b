/** The field that a credential is pasted into. */
import { Button, PasswordInput, Stack } from "@mantine/core";
import { type FormEvent, useId, useState } from "react";
import { parsePasted } from "./pasted-credential.ts";
import { useSession } from "./session.tsx";

/**
 * Takes a token or a key and signs in; what fails is the session's `failure`. Of a field for passwords no browser keeps the text in its
 * history of forms; a password manager may keep a key and fill it in.
 */
export function SignInForm(props: { label: string; button: string; autoFocus?: boolean }) {
  const { signIn, isChecking } = useSession();
  const [text, setText] = useState("");
  const [mistake, setMistake] = useState<string>();
  const field = useId();
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const pasted = parsePasted(text);
    setMistake("mistake" in pasted ? pasted.mistake : undefined);
    if ("mistake" in pasted) return;
    void signIn(pasted.credential).then((worked) => {
      if (worked) setText("");
    });
  };
  return (
    <form onSubmit={submit} noValidate>
      <Stack gap="sm">
        <PasswordInput
          id={field}
          name="credential"
          label={props.label}
          value={text}
          onChange={(event) => {
            setText(event.currentTarget.value);
            setMistake(undefined);
          }}
          error={mistake}
          errorProps={{ role: "alert" }}
          autoComplete="current-password"
          autoCapitalize="off"
          autoCorrect="off"
          spellCheck={false}
          {...(props.autoFocus && { "data-autofocus": true, autoFocus: true })}
          visibilityToggleButtonProps={{ "aria-label": "Show or hide what is in the field" }}
        />
        <Button type="submit" loading={isChecking}>
          {props.button}
        </Button>
      </Stack>
    </form>
  );
}
