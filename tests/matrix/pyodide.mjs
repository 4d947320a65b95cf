// Python for WebAssembly as a command line: node pyodide.mjs PACKAGE FOLDER [ARG]...
//
// PACKAGE is the unpacked npm package of Pyodide. Of the system's files Python sees only
// FOLDER, which is also its current folder.
import { pathToFileURL } from "node:url";

const [folder, root, ...args] = process.argv.slice(2);
const { loadPyodide } = await import(pathToFileURL(`${folder}/pyodide.mjs`));
const pyodide = await loadPyodide({
    args,
    // By default Pyodide exits as if interactive, which hides the status.
    env: { ...process.env, HOME: root, TMPDIR: root, PYTHONINSPECT: "" },
    fsInit: (FS) => {
        FS.mkdirTree(root);
        FS.mount(FS.filesystems.NODEFS, { root }, root);
        FS.chdir(root);
    },
});
try {
    process.exitCode = pyodide._module._run_main();
} catch (error) {
    if (error.status === undefined) throw error;
    process.exitCode = error.status;
}
process.exit();
