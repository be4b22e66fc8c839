/*
 * walvfs: what the writer's connection has below it, to write its WAL in few
 * pieces, and no remains into its database.
 *
 * SQLite writes each frame of a transaction as two pieces, its header of 24
 * octets and its page, with a system call each.  This VFS, which leaves all
 * other files to the system's default, gathers them up to WALVFS_BUFFER_MAX
 * octets and writes them together.
 *
 * What was promised stays promised: what is gathered is written before the
 * write that completes a commit returns, so before SQLite shows the commit to
 * readers or syncs it; and before any other operation on the file (sync, read,
 * truncation, size, close, a write elsewhere).  Only frames of a transaction
 * still under way are ever held back, in the order in which they came, and
 * losing those with the process loses nothing.  A write that fails late is told
 * by the operation that caused it, within the same transaction.
 *
 * With secure_delete SQLite overwrites what is deleted; but where it moves rows
 * from one page of a tree to another, their old octets stay in the gap between
 * the list of cells and the first cell, where nothing ever looks: who is erased
 * later stands there still.  A page that goes into the database's file goes
 * there with that gap cleared (up to 64 GiB; past that, pages stay as they
 * are).
 * Only auto_vacuum's pages could be mistaken for those of a tree, and there are
 * none.
 *
 * https://www.sqlite.org/walformat.html#the_wal_file_format
 */
#ifndef STORE_WALVFS_H
#define STORE_WALVFS_H

/* Octets; about thirty frames. */
#define WALVFS_BUFFER_MAX (128 * 1024)

/*
 * The name to open the database with; registers it at the first call, over
 * what is the default VFS by then.  NULL where SQLite refuses: do without.
 * Not from two threads at once.
 */
const char *walvfs_name(void);

/*
 * The errno of the last write, sync or the like of a WAL that failed in this
 * thread since walvfs_forget_errno(); 0: none.  SQLite keeps one too, but by
 * the time it is asked for it may be that of what was done since.
 */
int walvfs_errno(void);
void walvfs_forget_errno(void);

#endif
