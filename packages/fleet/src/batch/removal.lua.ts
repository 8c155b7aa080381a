/*
 * The scripts of removals that workers do for a schedule. A note of the HASH says that a folder
 * still has results of a batch: its name is `<batch>|<id of the folder>`.
 */

/**
 * Removes the notes of a batch, or the one of a folder. With the last one goes the note of the
 * removal itself.
 *
 * KEYS     removals HASH · folder notes HASH
 * ARGV     batch · id of a folder, '' for all
 * Returns  1 if nothing is left to remove, 0 otherwise
 * Atomic   two workers that remove the last two folders must not both leave the removal noted
 */
export const DONE = `
local prefix, isLeft = ARGV[1] .. '|', false
for _, name in ipairs(redis.call('HKEYS', KEYS[2])) do
  if string.sub(name, 1, #prefix) == prefix then
    if ARGV[2] == '' or name == prefix .. ARGV[2] then
      redis.call('HDEL', KEYS[2], name)
    else
      isLeft = true
    end
  end
end
if isLeft then return 0 end
redis.call('HDEL', KEYS[1], ARGV[1])
return 1
`;
