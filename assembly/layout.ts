// Where the parser keeps what it finds: written once, compiled into the wasm module and imported by TypeScript.
// Addresses are bytes from the start of the memory, indexes are 32-bit words. Constants carry no type annotation so
// that AssemblyScript and TypeScript both read this file.

/** Static data of the module (tables) ends below this address. */
export const STATIC_END = 65536;

/** Head record: HEAD_WORDS words, then FIELD_WORDS words for each field. */
export const HEAD_RECORD = 65536;

/** The most fields a head may ever have, whatever the limit is set to. */
export const MAX_FIELDS = 2048;

/** Trailer fields of the last chunked body: FIELD_WORDS words each, offsets from the first byte of the section. */
export const TRAILER_RECORD = 98368; // HEAD_RECORD + 4 * (HEAD_WORDS + MAX_FIELDS * FIELD_WORDS)
export const MAX_TRAILERS = 1024;

/** Registers of the chunked decoder (see chunked.ts), CHUNKED_WORDS words. */
export const CHUNKED_STATE = 131072;

/** Where an incomplete head stopped (see request-head.ts), STATE_WORDS words. */
export const HEAD_STATE = 132096;

/** Limits, LIMIT_WORDS words, written once by whoever creates the instance. */
export const LIMITS = 133120;

/**
 * The input area. Fresh bytes are read to READ_AREA; what an incomplete head left over is put back so that it ends
 * just there, which makes old and new bytes one run.
 */
export const INPUT_AREA = 135168;
export const CARRY_SIZE = 262144;
export const READ_AREA = 397312; // INPUT_AREA + CARRY_SIZE
export const READ_SIZE = 65536;

/** First byte that is not the parser's: whoever shares the memory builds from here. */
export const PARSER_END = 524288;

// Words of the head record. All offsets count from the first byte of the method.
export const HEAD_LENGTH = 0; // bytes of the head, empty line included
export const HEAD_FLAGS = 1;
export const HEAD_METHOD = 2; // index into METHODS of llhttp plus one; 0: some other token
export const HEAD_METHOD_LENGTH = 3;
export const HEAD_TARGET_START = 4;
export const HEAD_TARGET_LENGTH = 5;
export const HEAD_PATH_START = 6; // path of an origin-form or absolute-form target, '*' for OPTIONS *; encoded
export const HEAD_PATH_LENGTH = 7; // 0 for an absolute-form target without a path ('/'), and for CONNECT
export const HEAD_QUERY_START = 8; // after '?'; 0 where there is none
export const HEAD_QUERY_LENGTH = 9;
export const HEAD_AUTHORITY_START = 10; // of an absolute-form target (G-20) or of CONNECT; 0 where there is none
export const HEAD_AUTHORITY_LENGTH = 11;
export const HEAD_CONTENT_LENGTH_LOW = 12; // unsigned, low 32 bits; meaningful with FLAG_CONTENT_LENGTH
export const HEAD_CONTENT_LENGTH_HIGH = 13; // the 21 bits above: at most Number.MAX_SAFE_INTEGER
export const HEAD_FIELD_COUNT = 14;
export const HEAD_WORDS = 16;

// Words of a field.
export const FIELD_NAME_START = 0;
export const FIELD_NAME = 1; // length, and the index of a known name (see names) in the upper half
export const FIELD_VALUE_START = 2; // blanks around the value are left out
export const FIELD_VALUE_LENGTH = 3;
export const FIELD_WORDS = 4;

// Bits of HEAD_FLAGS.
export const FLAG_KEEP_ALIVE = 1;
export const FLAG_CHUNKED = 2;
export const FLAG_CONTENT_LENGTH = 4;
export const FLAG_EXPECT_CONTINUE = 8;
export const FLAG_UPGRADE = 16;
export const FLAG_HTTP_1_0 = 32;
export const FLAG_ESCAPED_PATH = 64; // the path has a '%'
export const FLAG_HEAD_METHOD = 128; // the method is HEAD
// Never set by the parser: the fields are CGI variables, for a request that came by another protocol than HTTP.
export const FLAG_VARIABLES = 256;
// Nor this one: the head was written down for the parser, for a request that came by HTTP/2.
export const FLAG_HTTP_2 = 512;

// Words of a parse state: HEAD_STATE begins with one, and so does CHUNKED_STATE, for its trailer section. Offsets count
// from the first byte of the head or of the trailer section.
export const STATE_PHASE = 0;
export const PHASE_LEADING = 0; // value of STATE_PHASE: at most empty lines have come
export const STATE_SCAN = 1; // the byte to go on with
export const STATE_LINE = 2; // the first byte of the current field line
export const STATE_COLON = 3; // the colon of the current field line
export const STATE_START = 4; // address of the first byte of the head, after empty lines
export const STATE_END = 5; // address after the last byte of an incomplete head
export const STATE_LEADING = 6; // empty lines skipped before the request line
export const STATE_RESUME = 7; // 1: the next call goes on with this state
export const STATE_WORDS = 8;

// Words of the chunked decoder's registers, after those of the parse state.
export const CHUNK_PHASE = 8;
export const CHUNK_LEFT_LOW = 9; // bytes of data left in the chunk
export const CHUNK_LEFT_HIGH = 10;
export const CHUNK_LINE = 11; // bytes of the current chunk size line
export const CHUNK_EXTENSIONS = 12; // bytes of all chunk extensions
export const CHUNK_DATA_LENGTH = 13; // payload bytes of the last call
export const CHUNK_END = 14; // address of the first byte not consumed by the last call
export const CHUNK_TRAILER_START = 15; // address of the trailer section
export const CHUNK_TRAILER_LENGTH = 16; // bytes of an unfinished trailer section, kept just before READ_AREA
export const CHUNK_TRAILER_COUNT = 17; // trailer fields
export const CHUNKED_WORDS = 18;

// Words of the limits, all in bytes unless said otherwise.
export const LIMIT_REQUEST_LINE = 0;
export const LIMIT_FIELD_LINE = 1;
export const LIMIT_FIELDS = 2; // number of fields in a head, and of trailer fields in a body
export const LIMIT_HEAD = 3;
export const LIMIT_CHUNK_LINE = 4;
export const LIMIT_CHUNK_EXTENSIONS = 5;
export const LIMIT_TRAILER = 6;
export const LIMIT_LEADING = 7; // number of empty lines before a request line
export const LIMIT_WORDS = 8;
