// Where the phone is. A place is evidence, never a condition: whoever waits for satellites in a stairwell is let on without.

const LONGEST = 4000; // milliseconds that a caregiver waits for it
const FRESH = 60_000;

let last = null;
let watching = null;

const asPlace = ({ coords }) => ({
  latitude_e7: Math.round(coords.latitude * 1e7),
  longitude_e7: Math.round(coords.longitude * 1e7),
  accuracy_m: Math.min(100_000, Math.round(coords.accuracy)),
});

/** Begin to look, so that a place is at hand when the code has been read. */
export function lookAround() {
  if (watching !== null || !navigator.geolocation) return;
  const keep = (found) => { last = { at: Date.now(), place: asPlace(found) }; };
  watching = navigator.geolocation.watchPosition(keep, () => {}, { enableHighAccuracy: true, maximumAge: 15_000 });
}

/** To save the battery: not between visits, nor all through one. */
export function lookAway() {
  if (watching !== null) navigator.geolocation.clearWatch(watching);
  watching = null;
}

/** {latitude_e7, longitude_e7, accuracy_m}, or undefined when the phone cannot tell in time. */
export function whereNow() {
  if (last && Date.now() - last.at < FRESH) return Promise.resolve(last.place);
  if (!navigator.geolocation) return Promise.resolve(undefined);
  return new Promise((tell) => {
    setTimeout(() => tell(undefined), LONGEST);
    navigator.geolocation.getCurrentPosition((found) => tell(asPlace(found)), () => tell(undefined), { enableHighAccuracy: true, timeout: LONGEST, maximumAge: FRESH });
  });
}
