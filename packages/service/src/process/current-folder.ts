import { SettingsError } from './settings.ts';

/** @throws SettingsError if the folder that this process was started in has been deleted */
export function currentFolder(): string {
  try {
    return process.cwd();
  } catch (cause) {
    throw new SettingsError(['the current folder does not exist any more: change to another one'], {
      cause,
    });
  }
}
