# The formula for Homebrew on Linux. `cargo xtask dist --release` replaces the words between `@`.
class S2i < Formula
  desc "Source code in, runnable container image out, no Dockerfile"
  homepage "@HOME@"
  version "@VERSION@"
  license "Apache-2.0"

  depends_on :linux

  on_intel do
    url "@URL@/v@VERSION@/s2i-@VERSION@-x86_64-unknown-linux-musl.tar.gz"
    sha256 "@SHA256_AMD64@"
  end

  on_arm do
    url "@URL@/v@VERSION@/s2i-@VERSION@-aarch64-unknown-linux-musl.tar.gz"
    sha256 "@SHA256_ARM64@"
  end

  def install
    bin.install "s2i"
    man1.install Dir["man/*.1"]
    bash_completion.install "completions/s2i.bash" => "s2i"
    fish_completion.install "completions/s2i.fish"
    zsh_completion.install "completions/_s2i"
  end

  test do
    assert_match version.to_s, shell_output("#{bin}/s2i --version")
  end
end
