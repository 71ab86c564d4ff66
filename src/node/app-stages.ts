/** What applications know of a message that was published: the stages of theirs, for the edge that shows them to operators. */

/** By `APP.STAGE`, when it was reached first, in milliseconds since 1970. */
export type AppStages = Readonly<Record<`${string}.${string}`, number>>;

/** Never throws, and answers in time. @param id of the message */
export type StagesOfApps = (id: string) => Promise<AppStages>;
