"""Signatures that model-signing 1.1.1 made of `write_model`'s folder, with an EC P-256 key made for this test."""

from pathlib import Path

PUBLIC_KEY = """\
-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE3CFHydXuGYaNbYnsKHVL/fbd2008
7EYKCmB5yy6P6RzgaH1RB1bTwmUIhyoPaBV7lElzUmbOvUAb0yTXfpOiDw==
-----END PUBLIC KEY-----
"""
# Lines of 100 characters; each is one JSON document.
BY_SHA256 = (
    '{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json","verificationMaterial":{"publicKey":{"h'
    'int":"eca576925d2ae44095865dfd73229c50e124bd0f2af4f306ada81db30e5c0ef0"},"tlogEntries":[]},"dsseEnve'
    'lope":{"payload":"ewogICJfdHlwZSI6ICJodHRwczovL2luLXRvdG8uaW8vU3RhdGVtZW50L3YxIiwKICAic3ViamVjdCI6IF'
    "sKICAgIHsKICAgICAgIm5hbWUiOiAibW0iLAogICAgICAiZGlnZXN0IjogewogICAgICAgICJzaGEyNTYiOiAiNzMwNWRiOWIyYW"
    "JjY2Q3MDZjMjU2ZGIzZDk3ZTVmZjQ4ZDY3N2NmZTRkM2E1OTA0YWZiN2RhMGUzOTUwZTFlMiIKICAgICAgfQogICAgfQogIF0sCi"
    "AgInByZWRpY2F0ZVR5cGUiOiAiaHR0cHM6Ly9tb2RlbF9zaWduaW5nL3NpZ25hdHVyZS92MS4wIiwKICAicHJlZGljYXRlIjogew"
    "ogICAgInJlc291cmNlcyI6IFsKICAgICAgewogICAgICAgICJuYW1lIjogImEudHh0IiwKICAgICAgICAiYWxnb3JpdGhtIjogIn"
    "NoYTI1NiIsCiAgICAgICAgImRpZ2VzdCI6ICIyY2YyNGRiYTVmYjBhMzBlMjZlODNiMmFjNWI5ZTI5ZTFiMTYxZTVjMWZhNzQyNW"
    "U3MzA0MzM2MjkzOGI5ODI0IgogICAgICB9LAogICAgICB7CiAgICAgICAgIm5hbWUiOiAic3ViL2IudHh0IiwKICAgICAgICAiYW"
    "xnb3JpdGhtIjogInNoYTI1NiIsCiAgICAgICAgImRpZ2VzdCI6ICI0ODZlYTQ2MjI0ZDFiYjRmYjY4MGYzNGY3YzlhZDk2YThmMj"
    "RlYzg4YmU3M2VhOGU1YTZjNjUyNjBlOWNiOGE3IgogICAgICB9CiAgICBdLAogICAgInNlcmlhbGl6YXRpb24iOiB7CiAgICAgIC"
    "JhbGxvd19zeW1saW5rcyI6IGZhbHNlLAogICAgICAiaWdub3JlX3BhdGhzIjogWwogICAgICAgICIuZ2l0aWdub3JlIiwKICAgIC"
    "AgICAiLmdpdGF0dHJpYnV0ZXMiLAogICAgICAgICIuZ2l0IiwKICAgICAgICAiLmdpdGh1YiIKICAgICAgXSwKICAgICAgIm1ldG"
    'hvZCI6ICJmaWxlcyIsCiAgICAgICJoYXNoX3R5cGUiOiAic2hhMjU2IgogICAgfQogIH0KfQ==","payloadType":"applicati'
    'on/vnd.in-toto+json","signatures":[{"sig":"MEQCIEOAzwHK0D5WFwMma9FVSZ0NL1CmwsJlf+MbL8mHrysHAiA+BMfsE'
    'LQW8Z2rn0j1kLthCI0NvAJv406+2o5CLlzbqg==","keyid":""}]}}'
)
BY_BLAKE3 = (
    '{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json","verificationMaterial":{"publicKey":{"h'
    'int":"eca576925d2ae44095865dfd73229c50e124bd0f2af4f306ada81db30e5c0ef0"},"tlogEntries":[]},"dsseEnve'
    'lope":{"payload":"ewogICJfdHlwZSI6ICJodHRwczovL2luLXRvdG8uaW8vU3RhdGVtZW50L3YxIiwKICAic3ViamVjdCI6IF'
    "sKICAgIHsKICAgICAgIm5hbWUiOiAibW0iLAogICAgICAiZGlnZXN0IjogewogICAgICAgICJzaGEyNTYiOiAiY2FiMjQ4ZTA4ZT"
    "A0YzE0ZDMxMjAyMGY1Njk2NWZmNTJiMDZiYThiNmYyYzU1MGE5MjAwNTVhNmNlOWQ3OTJlYyIKICAgICAgfQogICAgfQogIF0sCi"
    "AgInByZWRpY2F0ZVR5cGUiOiAiaHR0cHM6Ly9tb2RlbF9zaWduaW5nL3NpZ25hdHVyZS92MS4wIiwKICAicHJlZGljYXRlIjogew"
    "ogICAgInJlc291cmNlcyI6IFsKICAgICAgewogICAgICAgICJuYW1lIjogImEudHh0IiwKICAgICAgICAiYWxnb3JpdGhtIjogIm"
    "JsYWtlMyIsCiAgICAgICAgImRpZ2VzdCI6ICJlYThmMTYzZGIzODY4MjkyNWU0NDkxYzVlNThkNGJiMzUwNmVmOGMxNGViNzhhOD"
    "ZlOTA4YzU2MjRhNjcyMDBmIgogICAgICB9LAogICAgICB7CiAgICAgICAgIm5hbWUiOiAic3ViL2IudHh0IiwKICAgICAgICAiYW"
    "xnb3JpdGhtIjogImJsYWtlMyIsCiAgICAgICAgImRpZ2VzdCI6ICJkNzg5NGFlOTcxNmQzOGQyZGZhZDBlYzU1NDI0Y2EzMjFlZT"
    "EyNDUzZDUxZjFiM2FkZWI3N2QwNDc1ZWQ5ODhjIgogICAgICB9CiAgICBdLAogICAgInNlcmlhbGl6YXRpb24iOiB7CiAgICAgIC"
    "JhbGxvd19zeW1saW5rcyI6IGZhbHNlLAogICAgICAiaWdub3JlX3BhdGhzIjogWwogICAgICAgICIuZ2l0aWdub3JlIiwKICAgIC"
    "AgICAiLmdpdGF0dHJpYnV0ZXMiLAogICAgICAgICIuZ2l0IiwKICAgICAgICAiLmdpdGh1YiIKICAgICAgXSwKICAgICAgIm1ldG"
    'hvZCI6ICJmaWxlcyIsCiAgICAgICJoYXNoX3R5cGUiOiAiYmxha2UzIgogICAgfQogIH0KfQ==","payloadType":"applicati'
    'on/vnd.in-toto+json","signatures":[{"sig":"MEUCIEGwTHpHhvvlYvHbeeFjnkcQp6pNK53beYFSfAtAvgqjAiEA4NvMn'
    'gLsvge+0rxn0Q2J/DpkFlkIEtsJeiImf44WIcg=","keyid":""}]}}'
)
OF_ONE_FILE = (
    '{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json","verificationMaterial":{"publicKey":{"h'
    'int":"eca576925d2ae44095865dfd73229c50e124bd0f2af4f306ada81db30e5c0ef0"},"tlogEntries":[]},"dsseEnve'
    'lope":{"payload":"ewogICJfdHlwZSI6ICJodHRwczovL2luLXRvdG8uaW8vU3RhdGVtZW50L3YxIiwKICAic3ViamVjdCI6IF'
    "sKICAgIHsKICAgICAgIm5hbWUiOiAiYS50eHQiLAogICAgICAiZGlnZXN0IjogewogICAgICAgICJzaGEyNTYiOiAiOTU5NWM5ZG"
    "Y5MDA3NTE0OGViMDY4NjAzNjVkZjMzNTg0Yjc1YmZmNzgyYTUxMGM2Y2Q0ODgzYTQxOTgzM2Q1MCIKICAgICAgfQogICAgfQogIF"
    "0sCiAgInByZWRpY2F0ZVR5cGUiOiAiaHR0cHM6Ly9tb2RlbF9zaWduaW5nL3NpZ25hdHVyZS92MS4wIiwKICAicHJlZGljYXRlIj"
    "ogewogICAgInNlcmlhbGl6YXRpb24iOiB7CiAgICAgICJhbGxvd19zeW1saW5rcyI6IGZhbHNlLAogICAgICAiaWdub3JlX3BhdG"
    "hzIjogWwogICAgICAgICIuZ2l0aHViIiwKICAgICAgICAiLmdpdGlnbm9yZSIsCiAgICAgICAgIi5naXQiLAogICAgICAgICIuZ2"
    "l0YXR0cmlidXRlcyIKICAgICAgXSwKICAgICAgImhhc2hfdHlwZSI6ICJzaGEyNTYiLAogICAgICAibWV0aG9kIjogImZpbGVzIg"
    "ogICAgfSwKICAgICJyZXNvdXJjZXMiOiBbCiAgICAgIHsKICAgICAgICAibmFtZSI6ICIuIiwKICAgICAgICAiZGlnZXN0IjogIj"
    "JjZjI0ZGJhNWZiMGEzMGUyNmU4M2IyYWM1YjllMjllMWIxNjFlNWMxZmE3NDI1ZTczMDQzMzYyOTM4Yjk4MjQiLAogICAgICAgIC"
    'JhbGdvcml0aG0iOiAic2hhMjU2IgogICAgICB9CiAgICBdCiAgfQp9","payloadType":"application/vnd.in-toto+json"'
    ',"signatures":[{"sig":"MEUCIGgMDrP/1ZrTq79GqT7THRttbkIaSEesIgTeWpz7G82PAiEAzuUDfFrcht7o+ZZ0SIeEWD3sp'
    'iednksRsna+Wh5mbLA=","keyid":""}]}}'
)


def write_model(folder: Path) -> Path:
    """Two files; OF_ONE_FILE signs the first alone."""
    (folder / "sub").mkdir(parents=True)
    (folder / "a.txt").write_text("hello")
    (folder / "sub/b.txt").write_text("world")
    return folder
