import { expect, test } from "vitest";
import { compileKeyWords, defaultKeyWords } from "../../../src/client/metadata/key-words.ts";

const isSecret = compileKeyWords(defaultKeyWords);

test.each([
  ...[
    "password",
    "Password",
    "PASSWORD",
    "passwords",
    "userPassword",
    "password_hash",
    "PASSWORD2",
  ],
  ...["new-password", "passWord", "db.password", "password[0]", "x password", "passwd", "PWD"],
  ...["accessToken", "access_token", "ACCESS_TOKEN", "accesstoken", "tokens", "idTokenHint"],
  ...["client_secret", "clientSecret", "clientsecret", "Secrets", "secretAccessKey"],
  ...["Authorization", "proxy-authorization", "Set-Cookie", "cookies", "cookieJar"],
  ...["credential", "credentials", "awsCredentials", "apiKey", "APIKey", "api_key", "X-API-Key"],
  ...["PGPASSWORD", "refreshtoken", "secretkey", "ｐａｓｓｗｏｒｄ"],
  ...["apikeys", "api_keys", "privateKey", "private_key_pem", "PRIVATE KEY", "OAuth2Token", "jwt"],
])("%s names a secret", (key) => {
  expect(isSecret(key)).toBe(true);
});

test.each([
  ...["tokenizer", "tokenize", "secretary", "secretariat", "cookiecutter", "passwordless", "name"],
  ...["authorize", "authorized", "author", "api", "key", "keys", "apiVersion", "key_id", "", "__"],
  ...[
    "monkey",
    "publicKey",
    "happyKey",
    "bypass",
    "passport",
    "пароль",
    "credit",
    "0",
    "constructor",
  ],
])("%j names none", (key) => {
  expect(isSecret(key)).toBe(false);
});

test("words of one's own are found in every notation", () => {
  const isOwn = compileKeyWords(["iban", "Tax ID"]);
  for (const key of [
    "iban",
    "customerIban",
    "IBAN_2",
    "tax_id",
    "taxId",
    "TaxID",
    "taxid",
    "tax ids",
  ]) {
    expect(isOwn(key)).toBe(true);
  }
  for (const key of ["ibanez", "id", "tax", "password"]) expect(isOwn(key)).toBe(false);
});

test("words of one's own may be many, and composed in either way", () => {
  const isOwn = compileKeyWords(["one time pass code hash", "contraseña"]);
  for (const key of ["oneTimePassCodeHash", "one-time-pass-code-hash", "contrasen\u0303a"]) {
    expect(isOwn(key)).toBe(true);
  }
  expect(isOwn("oneTimePassCode")).toBe(false);
});

test("words of other scripts are found too", () => {
  const isOwn = compileKeyWords(["пароль", "密码"]);
  expect(["новыйПароль", "ПАРОЛЬ", "密码"].map(isOwn)).toEqual([true, true, true]);
});
