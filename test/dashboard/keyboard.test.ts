import { expect, test } from "vitest";
import { type KeyPress, keyAction, keyHelp } from "../../src/dashboard/trail/keyboard.ts";

const press = (key: string, change: Partial<KeyPress> = {}) =>
  keyAction({
    ...{ key, ctrlKey: false, metaKey: false, altKey: false },
    ...{ defaultPrevented: false, isComposing: false, isTyping: false, isOnControl: false },
    ...change,
  });

test("the keys move, open, close and ask", () => {
  expect(["j", "ArrowDown", "k", "ArrowUp"].map((key) => press(key))).toEqual([
    ...["next", "next", "previous", "previous"],
  ]);
  expect(["g", "G", "Enter", "Escape", "/", "?", "l"].map((key) => press(key))).toEqual([
    ...["first", "last", "open", "close", "search", "help", "live"],
  ]);
});

test("nothing happens while one types, or with a key of the browser's", () => {
  for (const key of ["j", "l", "/", "?", "Enter", "Escape"]) {
    expect(press(key, { isTyping: true })).toBeUndefined();
    expect(press(key, { ctrlKey: true })).toBeUndefined();
    expect(press(key, { metaKey: true })).toBeUndefined();
    expect(press(key, { altKey: true })).toBeUndefined();
    expect(press(key, { isComposing: true })).toBeUndefined();
    expect(press(key, { defaultPrevented: true })).toBeUndefined();
  }
});

test("a button keeps its Enter and its arrows, and lets the letters through", () => {
  for (const key of ["Enter", "ArrowDown", "ArrowRight", "Home", "End"]) {
    expect(press(key, { isOnControl: true })).toBeUndefined();
  }
  expect(press("j", { isOnControl: true })).toBe("next");
});

test("other keys mean nothing, whatever objects call their properties", () => {
  for (const key of ["a", "Tab", " ", "constructor", "__proto__", "toString"]) {
    expect(press(key)).toBeUndefined();
  }
});

test("every meaning is in the help", () => {
  const letters = ["j", "k", "g", "G", "Enter", "Escape", "/", "?", "l", "ArrowRight"];
  const meant = new Set(letters.map((key) => press(key)));
  expect(new Set(keyHelp.map(({ action }) => action))).toEqual(meant);
});
