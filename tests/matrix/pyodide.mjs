// Python for WebAssembly as a command line: node pyodide.mjs PACKAGE FOLDER [ARG]...
//
// PACKAGE is the npm package of Pyodide, unpacked. Python sees nothing of the system's
// files but FOLDER, which is its current folder, too.
import { pathToFileURL } from "node:url";

const [folder, root, ...args] = process.argv.slice(2);
const { loadPyodide } = await import(pathToFileURL(`${folder}/pyodide.mjs`));
const pyodide = await loadPyodide({
    args,
    // Pyodide asks for an interactive end by default, which hides the status.
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
