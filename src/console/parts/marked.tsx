/** What a highlight escapes. */
const signs: Record<string, string> = {
  '&amp;': '&',
  '&lt;': '<',
  '&gt;': '>',
  '&quot;': '"',
  '&#39;': "'",
};

const plain = (html: string) => html.replace(/&(?:amp|lt|gt|quot|#39);/g, (one) => signs[one]!);

/**
 * The highlight of a search, as elements. It is never put into the page as HTML: whatever a message
 * says is text here.
 */
export function Marked({ html }: { html: string }) {
  // Each second part was between <mark> and </mark>: in a text itself these are escaped.
  const parts = html.split(/<\/?mark>/);
  return (
    <p class="said" dir="auto">
      {parts.map((part, i) => (i % 2 === 1 ? <mark key={i}>{plain(part)}</mark> : plain(part)))}
    </p>
  );
}
