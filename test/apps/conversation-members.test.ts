/** Conversations on two nodes with one database and one Redis, by frames. */
