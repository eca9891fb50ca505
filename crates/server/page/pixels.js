// Dots and colours as the pixels of a picture have them: red, green, blue, opaque.

/** What a dot of a radius covers: of each pixel its place beside the middle, and how much of 256. */
export function disc(radius) {
  const reach = Math.ceil(radius + 0.5);
  const part = [];
  for (let y = -reach; y <= reach; y += 1) {
    for (let x = -reach; x <= reach; x += 1) {
      const cover = Math.min(1, Math.max(0, radius + 0.5 - Math.hypot(x, y)));
      if (cover > 0.03) part.push(x, y, Math.round(cover * 256));
    }
  }
  return { reach, part: Int32Array.from(part) };
}

/** Red, green and blue of a colour such as `#fff` or `#14171b`, as the pixels of a picture have them. */
export function packed(hex) {
  const digits = hex.length < 6 ? [...hex.slice(1)].map((digit) => digit + digit).join('') : hex.slice(1, 7);
  const value = Number.parseInt(digits, 16) || 0;
  return 0xff000000 | ((value & 255) << 16) | (value & 0xff00) | (value >> 16);
}

/** The same of a hue in degrees, saturation and lightness from 0 to 1. */
export function packedHsl(hue, saturation, lightness) {
  const channel = (n) => {
    const k = (n + hue / 30) % 12;
    return Math.round(255 * (lightness - saturation * Math.min(lightness, 1 - lightness) * Math.max(-1, Math.min(k - 3, 9 - k, 1))));
  };
  return 0xff000000 | (channel(4) << 16) | (channel(8) << 8) | channel(0);
}
