/* Tracks: unpacks the spines and outlines of a recording, see tracks.py. */

/* Returns the tracks of a recording, by larva: { larva, frames, points, times, at, spine, sizes, outline }.
   `times` has the units of the recording. Frame i has the spine spine[at[i] * 2 * points + ...], x and y in
   turn, in quanta; at[i] is -1 if there is none. Its outline is outline[2 * sizes[i]] to
   outline[2 * sizes[i + 1]]. */
async function unpackTracks(recording) {
  const text = atob(recording.packed);
  const packed = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) packed[i] = text.charCodeAt(i);
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
  let place = 0;
  const next = () => {
    let byte = bytes[place++];
    let number = byte & 127;
    for (let shift = 7; byte > 127; shift += 7) {
      byte = bytes[place++];
      number |= (byte & 127) << shift;
    }
    return (number >>> 1) ^ -(number & 1);
  };
  const tracks = new Map();
  recording.larvae.forEach((larva, index) => {
    const frames = recording.frames[index], points = recording.points[index];
    const times = new Float64Array(frames), at = new Int32Array(frames);
    for (let i = 0, time = 0; i < frames; i++) times[i] = time += next();
    let shown = 0;
    for (let i = 0; i < frames; i++) at[i] = next() ? shown++ : -1;
    const columns = 2 * points;
    const spine = new Int32Array(shown * columns);
    for (let column = 0; column < columns; column++) {
      for (let i = column, value = 0; i < spine.length; i += columns) {
        value += next();
        spine[i] = column < 2 ? value : spine[i - 2] + value;
      }
    }
    const sizes = new Uint32Array(frames + 1);
    let outline = null;
    if (recording.outlined) {
      for (let i = 0; i < frames; i++) sizes[i + 1] = sizes[i] + next();
      outline = new Int32Array(2 * sizes[frames]);
      for (const axis of [0, 1]) {
        let before = -1; // the outline before, a frame
        for (let i = 0; i < frames; i++) {
          const first = sizes[i], size = sizes[i + 1] - first, other = sizes[before] ?? 0;
          if (!size) continue;
          const alike = before >= 0 && sizes[before + 1] - other === size;
          outline[2 * first + axis] = next() + (before < 0 ? 0 : outline[2 * other + axis]);
          for (let at = 2 * (first + 1) + axis, from = 2 * (other + 1) + axis; at < 2 * (first + size); at += 2, from += 2)
            outline[at] = outline[at - 2] + next() + (alike ? outline[from] - outline[from - 2] : 0);
          before = i;
        }
      }
    }
    tracks.set(larva, { larva, frames, points, times, at, spine, sizes, outline });
  });
  return tracks;
}

/* Returns the frame of a track that is on at a time; -1 if none is. A frame lasts until the next one; before
   a gap and at the end, for the median interval. */
function frameAt({ gap, interval }, { times }, time) {
  let low = 0, high = times.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (times[middle] <= time) low = middle + 1;
    else high = middle;
  }
  const frame = low - 1;
  if (frame < 0) return -1;
  const goes = low < times.length && times[low] - times[frame] <= gap;
  return goes || time < times[frame] + interval ? frame : -1;
}
