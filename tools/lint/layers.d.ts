export function folderOf(file: string): string | undefined;
export function violation(file: string, specifier: string): string | undefined;
