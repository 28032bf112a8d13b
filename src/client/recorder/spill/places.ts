/** Where segments are begun: the end, or a place before it. */
export interface Place {
  /** Of its last segment; positions behind it are free. */
  position: number;
  /** The number behind its last entry's. */
  next: number;
}

/** How many positions are kept free at a place: more segments than there may be entries in memory for. */
const positionsAtPlace = 1_000;

/** The places at which entries may yet be appended. */
export class Places {
  /** Behind everything. */
  readonly tail: Place = { position: positionsAtPlace, next: 0 };
  #place: Place = { position: 0, next: 0 };
  /** Whether something was appended behind the place. */
  #isBehindPlace = false;
  #isSealed = false;

  /** Where the order is now: what is appended from now on comes behind this place. */
  take(): Place {
    if (this.#isBehindPlace) {
      this.#place = { ...this.tail };
      this.tail.position += positionsAtPlace;
      this.#isBehindPlace = false;
      this.#isSealed = true;
    }
    return this.#place;
  }

  /** Whether the segment that is being written lies before the place. */
  get isSealed(): boolean {
    return this.#isSealed;
  }

  /** Something is appended here, in a segment that does not lie before the place. */
  append(place: Place): void {
    this.#isSealed = false;
    this.#isBehindPlace ||= place === this.tail;
  }
}
