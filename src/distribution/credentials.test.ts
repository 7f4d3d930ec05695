import { describe, expect, test } from "bun:test";
import {
  credentialsFrom,
  credentialsFromConfigHeader,
  credentialsFromHeader,
  domainOfServer,
} from "./credentials.ts";

describe("credentials", () => {
  const encoded = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
  test("each form of Docker's AuthConfig", () => {
    const password = { kind: "password", username: "me", password: "a:b" } as const;
    expect(credentialsFrom({ username: "me", password: "a:b" })).toEqual(password);
    expect(credentialsFrom({ auth: Buffer.from("me:a:b\0\0").toString("base64") })).toEqual(password);
    expect(credentialsFrom({ username: "me", identitytoken: "t" })).toEqual({ kind: "identity", token: "t" });
    expect(credentialsFrom({ registrytoken: "t" })).toEqual({ kind: "bearer", token: "t" });
    expect(credentialsFrom({ username: "", email: "x" })).toBeUndefined();
    expect(() => credentialsFrom({ auth: "bm9jb2xvbg==" })).toThrow("not NAME:PASSWORD");
    expect(() => credentialsFrom({ username: 7 })).toThrow("can't be read");
  });

  test("headers, with Docker's names of Docker Hub", () => {
    expect(credentialsFromHeader(encoded({ username: "me", password: "x" }))).toMatchObject({
      username: "me",
    });
    expect(credentialsFromHeader("")).toBeUndefined();
    expect(() => credentialsFromHeader("???")).toThrow("it is not JSON in base64");
    const of = credentialsFromConfigHeader(
      encoded({
        "https://index.docker.io/v1/": { username: "hub", password: "x" },
        "r.example:5000": { auth: "bWU6eA==" },
      }),
    );
    expect(of("docker.io")).toMatchObject({ username: "hub" });
    expect(of("r.example:5000")).toMatchObject({ username: "me", password: "x" });
    expect(of("quay.io")).toBeUndefined();
    expect(domainOfServer("https://r.example/v1/")).toBe("r.example");
  });
});
