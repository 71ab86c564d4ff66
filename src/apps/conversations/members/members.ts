/** The operations on conversations and their members: façades call these and nothing else of the room. */
export {
  createGroup,
  openPrivate,
  openSpace,
  type GroupInput,
  type Opened,
  type PrivateInput,
  type SpaceInput,
} from './making.ts';
export {
  addMembers,
  leave,
  refreshSpace,
  removeMember,
  setMember,
  setOwn,
  type AddInput,
  type SetInput,
} from './membership.ts';
export { adminAudit, adminEvents, adminExport, adminGet, adminList, adminOnly, type StoredEvent } from './admin.ts';
export { deleteUser, exportUser, type ExportLine } from './people.ts';
export {
  archive,
  getConversation,
  postSystem,
  resolveDispute,
  updateConversation,
  type Posted,
  type Shown,
  type UpdateInput,
} from './state.ts';
