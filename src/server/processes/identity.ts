/**
 * Another user that a server serves as (`--user`, `--group`). The process that was started, the supervisor, stays who
 * it is, and keeps the addresses. Those that it starts become that user ahead of everything else (`become`): what they
 * open then, a later reload, a renewal or a rotation opens by the same rights. What the supervisor itself opens where
 * that user may write, it opens as that user (`act`): a link that somebody has put there leads no further.
 */
import { openSync } from 'node:fs';
import { type UserInfo, userInfo } from 'node:os';
import { ConfigurationError } from '../../interface/errors.ts';
import { APPENDING, MODE } from '../../pool/log-file.ts';
import { property } from '../../rules/property.ts';
import type { OpenLog } from '../log/file.ts';
import type { ResolvedOptions } from '../options.ts';

type Wanted = Pick<ResolvedOptions, 'user' | 'group'>;

/** Numbers of a user and a group. */
interface Ids {
  readonly uid: number;
  readonly gid: number;
}

/** The calls of the system, which Windows does not have. @throws ConfigurationError there */
function calls() {
  const { geteuid, getegid, seteuid, setegid, setuid, setgid, setgroups } = process;
  // Node's types do not know it.
  const initgroups: unknown = Reflect.get(process, 'initgroups');
  if (!geteuid || !getegid || !seteuid || !setegid || !setuid || !setgid || !setgroups)
    throw new ConfigurationError('user and group: this system has none that a process can become');
  const joinGroups = (name: string, gid: number): void => {
    if (typeof initgroups === 'function') Reflect.apply(initgroups, process, [name, gid]);
  };
  return { geteuid, getegid, seteuid, setegid, setuid, setgid, setgroups, joinGroups };
}

export class Identity implements Ids {
  readonly uid: number;
  readonly gid: number;
  /** Those of this process. */
  private readonly own: Ids;
  /** In the user database; undefined: it has none. */
  private readonly entry: UserInfo<string> | undefined;

  constructor({ uid, gid }: Ids, own: Ids, entry: UserInfo<string> | undefined) {
    this.uid = uid;
    this.gid = gid;
    this.own = own;
    this.entry = entry;
  }

  /** Does something as that user. All threads of the process are that user meanwhile, so it must not wait. */
  act<T>(action: () => T): T {
    const { seteuid, setegid } = calls();
    setegid(this.gid);
    try {
      seteuid(this.uid);
      return action();
    } finally {
      seteuid(this.own.uid);
      setegid(this.own.gid);
    }
  }

  /** Opens a log as that user. */
  readonly openLog: OpenLog = (path, done) => {
    let descriptor: number;
    try {
      descriptor = this.act(() => openSync(path, APPENDING, MODE));
    } catch (error) {
      done(error instanceof Error ? error : new Error(String(error)), -1);
      return;
    }
    done(null, descriptor);
  };

  /**
   * Becomes that user for good, with all groups that it belongs to; the threads that are there, and those to come.
   *
   * @throws ConfigurationError where the system does not let it
   */
  become(): void {
    const { setuid, setgid, setgroups, joinGroups } = calls();
    const { uid, gid, entry } = this;
    try {
      if (entry === undefined) setgroups([gid]);
      else joinGroups(entry.username, gid);
      setgid(gid);
      setuid(uid);
    } catch (error) {
      throw new ConfigurationError(`user: ${refusalOf(error, 'user', uid)}`, { cause: error });
    }
    if (entry === undefined) return;
    const { homedir, username } = entry;
    // As login and service managers do: libraries write to the home of whoever runs them.
    Object.assign(process.env, { HOME: homedir, USER: username, LOGNAME: username });
  }
}

/**
 * Finds who is meant by `user` and `group`; null where that is who this process is already. Without a group it is the
 * one that the user database has for the user.
 *
 * @throws ConfigurationError where there is none of that name, or this process cannot become that one
 */
export function findIdentity({ user, group }: Wanted): Identity | null {
  if (user === undefined && group === undefined) return null;
  const { geteuid, getegid, seteuid, setegid } = calls();
  const own = { uid: geteuid(), gid: getegid() };
  const given = group === undefined ? undefined : during('group', setegid, group, own.gid, getegid);
  const seen = (): [number, UserInfo<string> | undefined] => [geteuid(), entryOfThisUser()];
  const [uid, entry] = during('user', seteuid, user ?? own.uid, own.uid, seen);
  const gid = given ?? (uid === own.uid ? own.gid : entry?.gid);
  if (gid === undefined) throw new ConfigurationError(`user: ${uid} is not in the user database: set group as well`);
  return uid === own.uid && gid === own.gid ? null : new Identity({ uid, gid }, own, entry);
}

type Id = string | number;

/** What can be seen while this process is another one. Only so, Node lets the system look up names. */
function during<T>(what: 'user' | 'group', change: (id: Id) => void, id: Id, own: number, see: () => T): T {
  try {
    change(id);
    return see();
  } catch (error) {
    throw new ConfigurationError(`${what}: ${refusalOf(error, what, id)}`, { cause: error });
  } finally {
    change(own);
  }
}

function entryOfThisUser(): UserInfo<string> | undefined {
  try {
    return userInfo();
  } catch {
    return undefined;
  }
}

function refusalOf(error: unknown, what: string, id: Id): string {
  const code = property(error, 'code');
  if (code === 'ERR_UNKNOWN_CREDENTIAL') return `there is no ${what} "${id}"`;
  if (code === 'EPERM') return `this process has no right to become ${what} "${id}": start it as root`;
  return error instanceof Error ? error.message : String(error);
}
