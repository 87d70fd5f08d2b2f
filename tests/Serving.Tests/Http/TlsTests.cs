using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using OnnxMoe.Artifacts;
using OnnxMoe.Serving.Hosting;
using OnnxMoe.Serving.Tests.Support;

namespace OnnxMoe.Serving.Tests.Http;

public sealed class TlsTests
{
    /// <summary>A certificate for localhost that nobody signed, with its key.</summary>
    private static X509Certificate2 Make(string name = "localhost")
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        return request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
    }

    private static string KeyPem(X509Certificate2 certificate) => certificate.GetECDsaPrivateKey()!.ExportPkcs8PrivateKeyPem();

    [Theory]
    [InlineData("pem")]
    [InlineData("pem with key")]
    [InlineData("pem with encrypted key")]
    [InlineData("pfx")]
    public async Task EachFormOfCertificateServesBothVersionsOfHttp(string form)
    {
        using var scratch = new Scratch();
        using var certificate = Make();
        var tls = Write(scratch, certificate, form);
        await using var served = await Served.RandomAsync(options => options.Tls = tls);
        Assert.Equal("https", served.Server.Address.Scheme);
        foreach (var version in (Version[])[HttpVersion.Version11, HttpVersion.Version20])
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/completions")
            {
                Content = new StringContent("""{"prompt":"a","max_tokens":5,"stream":true}"""),
                Version = version,
                VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            };
            using var response = await served.Client.SendAsync(request);
            Assert.Equal(version, response.Version);
            Assert.EndsWith("data: [DONE]\n\n", await response.Content.ReadAsStringAsync());
        }
        Assert.Equal(certificate.Thumbprint, served.Certificate);
    }

    [Fact]
    public async Task ARenewedCertificateIsShownToNewConnections()
    {
        using var scratch = new Scratch();
        using var first = Make();
        using var second = Make();
        var tls = Write(scratch, first, "pem");
        await using var served = await Served.RandomAsync(options => options.Tls = tls);
        served.Client.DefaultRequestHeaders.ConnectionClose = true;
        await served.Client.GetStringAsync("/health");
        Assert.Equal(first.Thumbprint, served.Certificate);
        Write(scratch, second, "pem");
        while (served.Certificate != second.Thumbprint)
            await served.Client.GetStringAsync("/health");
    }

    [Fact]
    public void ADamagedCertificateLeavesTheOldOneInUse()
    {
        using var scratch = new Scratch();
        using var certificate = Make();
        var (time, logs) = (new FakeTime(), new LogLines());
        var watched = Certificates.Watch(Write(scratch, certificate, "pem"), logs, time);
        File.WriteAllText(scratch.PathOf("own.pem"), "damaged");
        time.Move(2);
        Assert.Equal(certificate.Thumbprint, watched.Value.TargetCertificate.Thumbprint);
        Assert.Contains(logs.Text, line => line.Contains("what they held before stays in use"));
    }

    [Theory]
    [InlineData("missing", "there is no such file")]
    [InlineData("no key", "cannot be used with its private key and password")]
    [InlineData("damaged", "cannot be used with its private key and password")]
    [InlineData("wrong password", "cannot be used with its private key and password")]
    [InlineData("only a key", "Serve:Tls:Key is given without Serve:Tls:Certificate")]
    public async Task ACertificateThatCannotBeUsedIsRefusedAtTheStart(string mistake, string says)
    {
        using var scratch = new Scratch();
        using var certificate = Make();
        var tls = mistake switch
        {
            "missing" => new TlsOptions { Certificate = scratch.PathOf("none.pem") },
            "wrong password" => Write(scratch, certificate, "pfx"),
            "only a key" => new TlsOptions { Key = scratch.PathOf("key.pem") },
            _ => new TlsOptions { Certificate = scratch.PathOf("bad.pem") },
        };
        await File.WriteAllTextAsync(scratch.PathOf("bad.pem"), mistake == "no key" ? certificate.ExportCertificatePem() : "garbage");
        if (mistake == "wrong password")
            tls.Password = "other";
        var problem = await Assert.ThrowsAsync<UserError>(() => Served.RandomAsync(options => options.Tls = tls));
        Assert.Contains(says, problem.Message);
    }

    private static TlsOptions Write(Scratch scratch, X509Certificate2 certificate, string form)
    {
        const string Password = "open sesame";
        var (own, key) = (scratch.PathOf(form == "pfx" ? "own.pfx" : "own.pem"), scratch.PathOf("key.pem"));
        switch (form)
        {
            case "pfx":
                File.WriteAllBytes(own, certificate.Export(X509ContentType.Pfx, Password));
                return new() { Certificate = own, Password = Password };
            case "pem":
                File.WriteAllText(own, $"{certificate.ExportCertificatePem()}\n{KeyPem(certificate)}\n");
                return new() { Certificate = own };
            case "pem with key":
                File.WriteAllText(own, certificate.ExportCertificatePem());
                File.WriteAllText(key, KeyPem(certificate));
                return new() { Certificate = own, Key = key };
            default:
                File.WriteAllText(own, certificate.ExportCertificatePem());
                var settings = new PbeParameters(PbeEncryptionAlgorithm.Aes256Cbc, HashAlgorithmName.SHA256, 1000);
                File.WriteAllText(key, certificate.GetECDsaPrivateKey()!.ExportEncryptedPkcs8PrivateKeyPem(Password, settings));
                return new() { Certificate = own, Key = key, Password = Password };
        }
    }
}
