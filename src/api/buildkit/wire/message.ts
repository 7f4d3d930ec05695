import { BinaryReader, BinaryWriter, WireType } from "@bufbuild/protobuf/wire";

/**
 * Messages of protocol buffers as data: `message({ ref: one(1, text) })` is a codec, and `Of<typeof it>` its type.
 * Fields that are not listed are skipped on reading. A field with its default value is not written, as in proto3.
 */
export interface Codec<T> {
  /** Fields that are left out have their defaults. */
  encode(value: Partial<T>): Uint8Array;
  /** Throws `RangeError` and the like for bytes that are no message. */
  decode(bytes: Uint8Array): T;
}

export type Of<C> = C extends Codec<infer T> ? T : never;

/** How a value of a field is written; `wire` is what it looks like on the line. */
interface Kind<T> {
  readonly wire: WireType;
  readonly initial: T;
  readonly write: (writer: BinaryWriter, value: T) => void;
  readonly read: (reader: BinaryReader) => T;
}

interface Field<T> {
  readonly number: number;
  readonly initial: () => T;
  readonly write: (writer: BinaryWriter, number: number, value: T) => void;
  readonly read: (reader: BinaryReader, wire: WireType, sofar: T) => T;
}

interface AnyField {
  readonly number: number;
  readonly initial: () => unknown;
  readonly write: (writer: BinaryWriter, number: number, value: never) => void;
  readonly read: (reader: BinaryReader, wire: WireType, sofar: never) => unknown;
}

type Fields = Readonly<Record<string, AnyField>>;
type Values<F> = { readonly [K in keyof F]: F[K] extends Field<infer T> ? T : never };

export const text: Kind<string> = {
  wire: WireType.LengthDelimited,
  initial: "",
  write: (writer, value) => writer.string(value),
  read: (reader) => reader.string(),
};
export const bytes: Kind<Uint8Array> = {
  wire: WireType.LengthDelimited,
  initial: new Uint8Array(),
  write: (writer, value) => writer.bytes(value),
  read: (reader) => reader.bytes(),
};
export const bool: Kind<boolean> = {
  wire: WireType.Varint,
  initial: false,
  write: (writer, value) => writer.bool(value),
  read: (reader) => reader.bool(),
};
export const uint32: Kind<number> = {
  wire: WireType.Varint,
  initial: 0,
  write: (writer, value) => writer.uint32(value),
  read: (reader) => reader.uint32(),
};
/** Also int32 and enumerations, which look the same. Sizes and times of seconds; beyond 2^53 they lose precision. */
export const integer: Kind<number> = {
  wire: WireType.Varint,
  initial: 0,
  write: (writer, value) => writer.int64(Math.trunc(value)),
  read: (reader) => Number(reader.int64()),
};
/** An int64 in full, for nanoseconds. */
export const bigint: Kind<bigint> = {
  wire: WireType.Varint,
  initial: 0n,
  write: (writer, value) => writer.int64(value),
  read: (reader) => BigInt(reader.int64()),
};

/** A field that always has a value. */
export function one<T>(number: number, kind: Kind<T>): Field<T> {
  return {
    number,
    initial: () => kind.initial,
    write(writer, at, value) {
      if (value === kind.initial || (value instanceof Uint8Array && value.length === 0)) return;
      kind.write(writer.tag(at, kind.wire), value);
    },
    read: (reader) => kind.read(reader),
  };
}

/** A message that may be absent. */
export function maybe<T>(number: number, codec: Codec<T>): Field<Partial<T> | undefined> {
  return {
    number,
    initial: () => undefined,
    write(writer, at, value) {
      if (value !== undefined) writer.tag(at, WireType.LengthDelimited).bytes(codec.encode(value));
    },
    read: (reader) => codec.decode(reader.bytes()),
  };
}

export function many<T>(number: number, kind: Kind<T>): Field<readonly T[]> {
  return {
    number,
    initial: () => [],
    write(writer, at, values) {
      for (const value of values) kind.write(writer.tag(at, kind.wire), value);
    },
    read(reader, wire, sofar) {
      if (wire !== WireType.LengthDelimited || kind.wire === wire) return [...sofar, kind.read(reader)];
      const packed = new BinaryReader(reader.bytes());
      const values = [...sofar];
      while (packed.pos < packed.len) values.push(kind.read(packed));
      return values;
    },
  };
}

/** A message as a kind of value, for `many` and `map`. */
export function nested<T>(codec: Codec<T>): Kind<Partial<T>> {
  return {
    wire: WireType.LengthDelimited,
    initial: {},
    write: (writer, value) => writer.bytes(codec.encode(value)),
    read: (reader) => codec.decode(reader.bytes()),
  };
}

export function map<T>(number: number, kind: Kind<T>): Field<Readonly<Record<string, T>>> {
  const entry = message({ key: one(1, text), value: one(2, kind) });
  return {
    number,
    initial: () => ({}),
    write(writer, at, values) {
      for (const [key, value] of Object.entries(values)) {
        writer.tag(at, WireType.LengthDelimited).bytes(entry.encode({ key, value }));
      }
    },
    read(reader, _, sofar) {
      const { key, value } = entry.decode(reader.bytes());
      return Object.defineProperty({ ...sofar }, key, { value, enumerable: true });
    },
  };
}

export function message<F extends Fields>(fields: F): Codec<Values<F>> {
  const entries = Object.entries(fields) as unknown as [string, Field<unknown>][];
  const byNumber = new Map(entries.map((entry) => [entry[1].number, entry]));
  return {
    encode(value) {
      const writer = new BinaryWriter();
      for (const [name, field] of entries) {
        const given = (value as Record<string, unknown>)[name];
        if (given !== undefined) field.write(writer, field.number, given);
      }
      return writer.finish();
    },
    decode(data) {
      const reader = new BinaryReader(data);
      const value: Record<string, unknown> = {};
      for (const [name, field] of entries) value[name] = field.initial();
      while (reader.pos < reader.len) {
        const [number, wire] = reader.tag();
        const [name, field] = byNumber.get(number) ?? [];
        if (name === undefined || field === undefined) reader.skip(wire);
        else value[name] = field.read(reader, wire, value[name]);
      }
      return value as Values<F>;
    },
  };
}
