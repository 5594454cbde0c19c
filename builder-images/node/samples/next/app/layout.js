export const metadata = { title: 'Next.js, built by s2i' };

export default function Layout({ children }) {
  return (
    <html lang="en">
      <body>{children}</body>
    </html>
  );
}
