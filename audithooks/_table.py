"""The table behind the catalogue: every event that CPython documents or raises.

Taken from the documentation of CPython 3.9 to 3.15, "Audit events table", and from what
their binaries and libraries call; tests/catalogue compares it with the Python that runs
the tests. Names of arguments are those of the documentation where it has them.

A line is an event, its arguments, and optionally a note. An argument newer than its
event is followed by its version. `3.10-` is the first version with the event, `-3.12`
the last; the default is 3.8, the first version with audit hooks. A line that ends in a
colon names the groups of the lines after it.
"""

TABLE = """
file:
open(path, mode, flags)
os.chdir(path)
os.chflags(path, flags) # macOS and BSD
os.chmod(path, mode, dir_fd)
os.chown(path, uid, gid, dir_fd)
os.fwalk(top, topdown, onerror, follow_symlinks, dir_fd) 3.9-
os.getxattr(path, attribute)
os.link(src, dst, src_dir_fd, dst_dir_fd)
os.listdir(path)
os.listdrives() 3.12- # Windows
os.listmounts(volume) 3.12- # Windows
os.listvolumes() 3.12- # Windows
os.listxattr(path)
os.lockf(fd, cmd, len)
os.mkdir(path, mode, dir_fd)
os.remove(path, dir_fd) # os.unlink(), too
os.removexattr(path, attribute)
os.rename(src, dst, src_dir_fd, dst_dir_fd) # os.replace(), too
os.rmdir(path, dir_fd)
os.scandir(path)
os.setxattr(path, attribute, value, flags)
os.symlink(src, dst, dir_fd)
os.truncate(fd, length)
os.utime(path, times, ns, dir_fd)
os.walk(top, topdown, onerror, followlinks) 3.9-
fcntl.flock(fd, operation)
fcntl.lockf(fd, cmd, len, start, whence)
glob.glob(pathname, recursive)
glob.glob/2(pathname, recursive, root_dir, dir_fd) 3.10-
msvcrt.get_osfhandle(fd) # Windows
msvcrt.locking(fd, mode, nbytes) # Windows
msvcrt.open_osfhandle(handle, flags) # Windows
pathlib.Path.glob(self, pattern) 3.9-
pathlib.Path.rglob(self, pattern) 3.9-
pathlib.Path.walk(self, on_error, follow_symlinks) 3.12-
shutil.chown(path, user, group)
shutil.copyfile(src, dst) # shutil.copy(), shutil.copy2(), too
shutil.copymode(src, dst)
shutil.copystat(src, dst)
shutil.copytree(src, dst)
shutil.make_archive(base_name, format, root_dir, base_dir)
shutil.move(src, dst)
shutil.rmtree(path, dir_fd 3.11)
shutil.unpack_archive(filename, extract_dir, format)
tempfile.mkdtemp(fullpath)
tempfile.mkstemp(fullpath)
_winapi.CreateFile(file_name, desired_access, share_mode, creation_disposition, \
flags_and_attributes) # Windows
_winapi.CreateJunction(src_path, dst_path) # Windows

file database:
sqlite3.connect(database)
sqlite3.connect/handle(connection_handle) 3.10-
sqlite3.enable_load_extension(connection, enabled) 3.10-
sqlite3.load_extension(connection, path) 3.10-

file platform:
fcntl.fcntl(fd, cmd, arg)
fcntl.ioctl(fd, request, arg)

network:
ftplib.connect(self, host, port)
ftplib.sendcmd(self, cmd)
http.client.connect(self, host, port) 3.10-
http.client.send(self, data) 3.10-
imaplib.open(self, host, port)
imaplib.send(self, data)
nntplib.connect(self, host, port) -3.12
nntplib.putline(self, line) -3.12
poplib.connect(self, host, port)
poplib.putline(self, line)
smtplib.connect(self, host, port)
smtplib.send(self, data)
socket.__new__(self, family, type, protocol)
socket.bind(self, address)
socket.connect(self, address) # socket.connect_ex(), too
socket.getaddrinfo(host, port, family, type, protocol)
socket.gethostbyaddr(ip_address)
socket.gethostbyname(hostname) # socket.gethostbyname_ex(), too
socket.gethostname()
socket.getnameinfo(sockaddr)
socket.getservbyname(servicename, protocolname)
socket.getservbyport(port, protocolname)
socket.sendmsg(self, address)
socket.sendto(self, address)
socket.sethostname(name)
telnetlib.Telnet.open(self, host, port) -3.12
telnetlib.Telnet.write(self, buffer) -3.12
urllib.Request(fullurl, data, headers, method)

network process:
webbrowser.open(url)

process:
os.exec(path, args, env)
os.fork()
os.forkpty()
os.kill(pid, sig)
os.killpg(pgid, sig)
os.posix_spawn(path, argv, env) # os.posix_spawnp(), too
os.spawn(mode, path, args, env) # Windows
os.startfile(path, operation) # Windows
os.startfile/2(path, operation, arguments, cwd, show_cmd) 3.10- # Windows
os.system(command)
pty.spawn(argv)
subprocess.Popen(executable, args, cwd, env) # subprocess.run(), os.popen(), too
_posixsubprocess.fork_exec(exec_list, args, env) 3.14-
_winapi.CreateNamedPipe(name, open_mode, pipe_mode) # Windows
_winapi.CreatePipe() # Windows
_winapi.CreateProcess(application_name, command_line, current_directory) # Windows
_winapi.OpenProcess(process_id, desired_access) # Windows
_winapi.TerminateProcess(handle, exit_code) # Windows

process environment:
os.putenv(key, value)
os.unsetenv(key)
os._clearenv() 3.15-

process platform:
resource.prlimit(pid, resource, limits)
resource.setrlimit(resource, limits)

process code:
sys.remote_exec(pid, script_path) 3.14-

import:
import(module, filename, sys.path, sys.meta_path, sys.path_hooks)
ensurepip.bootstrap(root)
os.add_dll_directory(path) # Windows

import code:
marshal.dumps(value, version)
marshal.load()
marshal.loads(bytes)
pickle.find_class(module, name)

code:
code.__new__(code, filename, name, argcount, posonlyargcount, kwonlyargcount, nlocals, \
stacksize, flags)
compile(source, filename)
exec(code_object) # eval(), too
function.__new__(code)

code interpreter:
cpython.remote_debugger_script(script_path) 3.14-
cpython.run_command(command)
cpython.run_file(filename)
cpython.run_interactivehook(hook)
cpython.run_module(module-name)
cpython.run_startup(filename)
cpython.run_stdin()

interpreter:
builtins.breakpoint(breakpointhook)
builtins.input(prompt)
builtins.input/result(result)
cpython.PyConfig_Set(name, value) 3.14-
cpython.PyInterpreterState_Clear()
cpython.PyInterpreterState_New()
cpython._PySys_ClearAuditHooks() # only for native hooks
pdb.Pdb()
setopencodehook()
sys._enablelegacywindowsfsencoding() # Windows
sys.addaudithook()
sys.excepthook(hook, type, value, traceback)
sys.monitoring.register_callback(func) 3.12-
sys.set_asyncgen_hook_finalizer() # documented as sys.set_asyncgen_hooks_finalizer
sys.set_asyncgen_hook_firstiter() # documented as sys.set_asyncgen_hooks_firstiter
sys.setprofile()
sys.settrace()
sys.unraisablehook(hook, unraisable)

interpreter audithooks:
audithooks.connect(attempt) # once, to hooks of sys
audithooks.left_out(event, count) # only to sinks: over a limit, or queue full
audithooks.not_followed(process, why) # only in a trace: a child without the tracer
audithooks.unsubscribe(patterns) # Subscription.close() and pause()

memory:
array.__new__(typecode, initializer)
builtins.id(id)
gc.get_objects(generation)
gc.get_referents(objs)
gc.get_referrers(objs)
mmap.__new__(fileno, length, access, offset)

introspection:
object.__delattr__(obj, name)
object.__getattr__(obj, name)
object.__setattr__(obj, name, value)
sys._current_exceptions() 3.10-
sys._current_frames()
sys._getframe(frame)
sys._getframemodulename(depth) 3.12-

ctypes:
ctypes.call_function(func_pointer, arguments)
ctypes.dlopen(name)
ctypes.dlsym(library, name)
ctypes.dlsym/handle(handle, name)
ctypes.get_errno()
ctypes.get_last_error() # Windows
ctypes.set_errno(errno)
ctypes.set_exception(code) # Windows; documented as ctypes.seh_exception up to 3.11
ctypes.set_last_error(error) # Windows

ctypes memory:
ctypes.PyObj_FromPtr(obj)
ctypes.addressof(obj)
ctypes.cdata(address)
ctypes.cdata/buffer(pointer, size, offset)
ctypes.create_string_buffer(init, size)
ctypes.create_unicode_buffer(init, size)
ctypes.memoryview_at(address, size, readonly) 3.14-
ctypes.string_at(address, size)
ctypes.wstring_at(address, size)

thread:
_thread.start_joinable_thread(function, daemon, handle) 3.13-
_thread.start_new_thread(function, args, kwargs) 3.12-
time.sleep(secs) 3.13-

thread process:
signal.pthread_kill(thread_id, signalnum)

platform:
_wmi.exec_query(query) 3.12- # Windows
syslog.closelog()
syslog.openlog(ident, logoption, facility)
syslog.setlogmask(maskpri)
syslog.syslog(priority, message)

platform registry:
winreg.ConnectRegistry(computer_name, key) # Windows
winreg.CreateKey(key, sub_key, access) # Windows
winreg.DeleteKey(key, sub_key, access) # Windows
winreg.DeleteTree(key, sub_key) 3.15- # Windows
winreg.DeleteValue(key, value) # Windows
winreg.DisableReflectionKey(key) # Windows
winreg.EnableReflectionKey(key) # Windows
winreg.EnumKey(key, index) # Windows
winreg.EnumValue(key, index) # Windows
winreg.ExpandEnvironmentStrings(str) # Windows
winreg.LoadKey(key, sub_key, file_name) # Windows
winreg.OpenKey(key, sub_key, access) # Windows
winreg.OpenKey/result(key) # Windows
winreg.PyHKEY.Detach(key) # Windows
winreg.QueryInfoKey(key) # Windows
winreg.QueryReflectionKey(key) # Windows
winreg.QueryValue(key, sub_key, value_name) # Windows
winreg.SaveKey(key, file_name) # Windows
winreg.SetValue(key, sub_key, type, value) # Windows
"""

# Groups that say what a program may do, beside those that each event has in the table.
CAPABILITIES = """
write: open os.chflags os.chmod os.chown os.link os.mkdir os.remove os.removexattr \
os.rename os.rmdir os.setxattr os.symlink os.truncate os.utime shutil.chown \
shutil.copyfile shutil.copymode shutil.copystat shutil.copytree shutil.make_archive \
shutil.move shutil.rmtree shutil.unpack_archive sqlite3.connect tempfile.mkdtemp \
tempfile.mkstemp _winapi.CreateFile _winapi.CreateJunction
read: open os.getxattr os.listdir os.listxattr os.scandir sqlite3.connect
connect: socket.connect socket.getaddrinfo socket.gethostbyaddr socket.gethostbyname \
socket.getnameinfo socket.sendmsg socket.sendto
listen: socket.bind
spawn: os.exec os.posix_spawn os.spawn os.startfile os.startfile/2 os.system pty.spawn \
subprocess.Popen _posixsubprocess.fork_exec _winapi.CreateProcess
"""

# What raises no event: what a program does, and which events are near to it, if any.
BLIND = """
os.stat(), os.access(), os.path.exists(), os.readlink(): no event
os.open() with dir_fd: `open`, which does not tell the folder of a relative path
os.open() of a folder with O_DIRECTORY, and os.listdir() of that: `open`, not in @read
os.mkfifo(), os.mknod(), os.memfd_create(), os.pipe(), os.dup(): no event
os.posix_spawn() with file_actions: os.posix_spawn, which does not tell the files
what another interpreter of the process does: events for its own hooks only
os.chmod(), os.chown(), os.utime(), os.truncate() of a descriptor: \
an event without a path
read(), write() and sendfile() of open files: only `open`, when they are opened
SQL of sqlite3, as ATTACH and VACUUM INTO: no event after sqlite3.connect
dbm.gnu and dbm.ndbm: no event for their files
ssl, when it reads certificates from files: no event
multiprocessing.shared_memory: no event
readline.read_history_file(), write_history_file(), read_init_file(): no event
reading os.environ: no event; changes of it are os.putenv and os.unsetenv
importlib.import_module(): no `import`; if it loads a module, `open`, `exec` and more
import of a module that sys.modules has: no event
multiprocessing, start method spawn or forkserver: no event up to 3.13, then \
_posixsubprocess.fork_exec
os.spawnv() and the like, except on Windows: os.fork, and os.exec in the child
os.wait(), os.setuid(), os.setgid(), os.umask(), os.nice(): no event
signal.signal(), signal.raise_signal(): no event
socket.send(), recv(), accept(), listen(): no event; a socket that accept() makes is \
socket.__new__
threading.Thread.start(): no event up to 3.11
time.sleep(): no event up to 3.12
C functions called by ctypes: only ctypes.dlopen and ctypes.dlsym, when they are found
uvloop, and other loops in C: no event for connections, name look-ups and processes
native libraries, as in numpy, lxml or database drivers: no event for what they do in C
what is done before a hook is added: no event reaches it
"""
