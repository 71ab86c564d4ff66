/** The operations on conversations and their members: façades call these and nothing else of the room. */
export { createGroup, openPrivate, openSpace, type Opened } from './making.ts';
export { addMembers, leave, refreshSpace, removeMember, setMember, setOwn } from './membership.ts';
export { adminAudit, adminEvents, adminExport, adminGet, adminList, type StoredEvent } from './admin.ts';
export { deleteUser, exportUser } from './people.ts';
export { archive, getConversation, postSystem, resolveDispute, updateConversation, type Shown } from './state.ts';
