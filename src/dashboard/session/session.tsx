/** Who is signed in, and until when. */
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { TransportProvider } from "@connectrpc/connect-query";
import { QueryClientProvider } from "@tanstack/react-query";
import {
  createContext,
  Fragment,
  type ReactNode,
  useCallback,
  useContext,
  useEffect,
  useMemo,
  useRef,
  useState,
} from "react";
import { AccessService, type Caller } from "../../../gen/audit/v1/access_service_pb.ts";
import { type Connection, connect } from "./connection.ts";
import { CredentialStore } from "./credential.ts";
import { type HandOver, takeHandOver } from "./hand-over.ts";
import { identityOf } from "./identity.ts";
import { createQueryClient } from "./query-client.ts";

/** What the page knows of the one who reads it. */
export interface Session extends Connection {
  /** Undefined while nobody is signed in. */
  readonly caller: Caller | undefined;
  /** What the page was opened with is being looked at: nobody is signed in yet. */
  readonly isOpening: boolean;
  /** Signing in is under way. */
  readonly isChecking: boolean;
  /**
   * The credential has stopped working: it expired or was revoked. What is on the screen stays, and
   * signing in again goes on from there.
   */
  readonly isEnded: boolean;
  /** What the server said when it did. */
  readonly ended: ConnectError | undefined;
  /** Why the last attempt to sign in failed. */
  readonly failure: ConnectError | undefined;
  /** Signs in with a JWT or an API key. Answers whether that worked. */
  signIn(credential: string): Promise<boolean>;
  /** Tries again what could not be checked, for the server was away; undefined if there is nothing. */
  readonly tryAgain: (() => void) | undefined;
  /** Asks the server whether the credential in use still works. */
  confirm(): Promise<void>;
  /** Forgets the credential and everything read with it. */
  signOut(): void;
}

const SessionContext = createContext<Session | undefined>(undefined);

/** The session. Only below {@link SessionProvider}. */
export function useSession(): Session {
  const session = useContext(SessionContext);
  if (session === undefined) throw new Error("there is no SessionProvider above");
  return session;
}

/** Signs in with what the address brought or this tab kept, and provides the session. */
export function SessionProvider(props: { handOver: HandOver | undefined; children: ReactNode }) {
  const { handOver, children } = props;
  const [credentials] = useState(() => new CredentialStore());
  const [queryClient] = useState(createQueryClient);
  const [caller, setCaller] = useState<Caller>();
  const [isOpening, setOpening] = useState(true);
  const [isChecking, setChecking] = useState(true);
  const [ended, setEnded] = useState<ConnectError>();
  const [failure, setFailure] = useState<ConnectError>();
  const [unchecked, setUnchecked] = useState<string>();
  /** Whose data is on the screen, and which attempt to sign in is the last. */
  const shown = useRef<Caller>(undefined);
  const attempts = useRef(0);
  const [connection] = useState(() =>
    connect(window.location.origin, () => credentials.get() ?? "", setEnded),
  );

  const signIn = useCallback(
    async (credential: string): Promise<boolean> => {
      attempts.current += 1;
      const attempt = attempts.current;
      const isLast = () => attempt === attempts.current;
      setChecking(true);
      setFailure(undefined);
      setUnchecked(undefined);
      try {
        const next = await callerOf(connection, credential);
        if (!isLast()) return false;
        const before = shown.current;
        credentials.set(credential);
        if (before && identityOf(before) !== identityOf(next)) {
          // Nothing that one person read is shown to another.
          queryClient.clear();
          if (before.id !== next.id || before.teamId !== next.teamId) leaveView();
        }
        shown.current = next;
        setCaller(next);
        setEnded(undefined);
        // What failed for want of a credential is tried again; what was read stays.
        void queryClient.refetchQueries({ predicate: ({ state }) => state.status === "error" });
        return true;
      } catch (reason) {
        if (!isLast()) return false;
        const error = ConnectError.from(reason);
        setFailure(error);
        if (error.code !== Code.Unauthenticated) setUnchecked(credential);
        else if (credential === credentials.get() && !shown.current) credentials.clear();
        return false;
      } finally {
        if (isLast()) {
          setChecking(false);
          setOpening(false);
        }
      }
    },
    [connection, credentials, queryClient],
  );

  useEffect(() => {
    const credential = handOver?.token ?? credentials.get();
    if (credential !== undefined) {
      void signIn(credential);
      return;
    }
    setChecking(false);
    setOpening(false);
  }, [handOver, credentials, signIn]);

  useEffect(() => {
    // A sign-in link that is opened over this page changes only the fragment.
    const take = () => {
      const taken = takeHandOver(window);
      if (taken) void signIn(taken.token);
    };
    window.addEventListener("hashchange", take);
    return () => window.removeEventListener("hashchange", take);
  }, [signIn]);

  useEffect(() => {
    // The back button may bring a page back as it was left, signed in and all.
    const check = ({ persisted }: PageTransitionEvent) => {
      if (persisted && !credentials.isCurrent()) window.location.reload();
    };
    window.addEventListener("pageshow", check);
    return () => window.removeEventListener("pageshow", check);
  }, [credentials]);

  const session = useMemo<Session>(
    () => ({
      ...connection,
      caller,
      isOpening,
      isChecking,
      isEnded: ended !== undefined && caller !== undefined,
      ended,
      failure,
      signIn,
      tryAgain: unchecked === undefined ? undefined : () => void signIn(unchecked),
      // A refusal is noted where it comes in; that the server is away says nothing of the credential.
      confirm: () => callerOf(connection, credentials.get() ?? "").then(noOp, noOp),
      signOut: () => {
        attempts.current += 1;
        credentials.clear();
        queryClient.clear();
        leaveView();
        shown.current = undefined;
        setCaller(undefined);
        setEnded(undefined);
        setFailure(undefined);
        setUnchecked(undefined);
        setChecking(false);
      },
    }),
    [
      connection,
      caller,
      isOpening,
      isChecking,
      ended,
      failure,
      unchecked,
      signIn,
      credentials,
      queryClient,
    ],
  );
  return (
    <SessionContext value={session}>
      <TransportProvider transport={connection.transport}>
        <QueryClientProvider client={queryClient}>
          {/* With somebody else everything begins anew, what components hold too. */}
          <Fragment key={caller && identityOf(caller)}>{children}</Fragment>
        </QueryClientProvider>
      </TransportProvider>
    </SessionContext>
  );
}

/** Asks who a credential speaks for. @throws ConnectError. */
async function callerOf({ transport }: Connection, credential: string): Promise<Caller> {
  const access = createClient(AccessService, transport);
  const headers = { Authorization: `Bearer ${credential}` };
  const { caller } = await access.getCaller({}, { headers });
  if (caller) return caller;
  throw new ConnectError("the server did not say who you are", Code.Internal);
}

/** To the plain address: what somebody looked at is not the next one's to see. */
function leaveView(): void {
  window.history.replaceState(null, "", "/");
}

function noOp(): void {}
