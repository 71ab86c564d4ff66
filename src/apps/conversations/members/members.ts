/** The operations on conversations and their members: façades call these and nothing else of the room. */
export { createGroup, openPrivate, openSpace } from './making.ts';
export { addMembers, leave, refreshSpace, removeMember, setMember, setOwn } from './membership.ts';
export { adminAudit, adminEvents, adminExport, adminGet, adminList } from './admin.ts';
export { deleteUser, exportUser } from './people.ts';
export { archive, getConversation, postSystem, updateConversation } from './state.ts';
