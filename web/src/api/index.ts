export { noteLost, useConnection, whenRegained } from "./connection";
export * as api from "./client";
export { type ChangeEvent, startEvents, useEvent } from "./events";
export { useCallState } from "./follow";
export { ApiError, queryString, whenUnauthenticated } from "./http";
export { keys, useChildren, useGroups, useNode, useOverview, usePeople, useSearch, useUsers } from "./queries";
export { type RawAnswer, sendRaw } from "./raw";
export { useSession } from "./session";
export type * from "./types";
