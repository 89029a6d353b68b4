/** The made-up subscriber of the drill. */
export const TRANSLATIONS = 'drill_translations';

/** What its dictionary does not know. */
export const POISON = 'ᚠᚢᚦᚨᚱᚲ';
