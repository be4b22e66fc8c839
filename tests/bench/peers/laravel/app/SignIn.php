<?php
namespace Peer\App;

use Illuminate\Http\Request;
use Illuminate\Support\Facades\DB;
use Illuminate\Support\Facades\Validator;
use Peer\{Store, Token};

class SignIn extends \Illuminate\Routing\Controller
{
	public function handoff(Request $request, string $tenant)
	{
		$config = config('peer');
		if ($tenant !== $config['tenant'])
			return response()->json(['message' => 'Tenant not found.'], 404);
		$fields = Validator::make($request->all(), [
			'email' => 'required|string|email|max:254',
			'name' => 'required|string|max:255',
			'redirect_url' => ['nullable', 'string', 'max:2048', function ($attribute, $value, $fail) use ($config) {
				if (!Store::isTarget($config, $value))
					$fail('The redirect url is not allowed.');
			}],
		])->validate();
		$email = strtolower($fields['email']);
		$user = $config['arrival'] ? null : Store::upsert(DB::connection()->getPdo(), $config, $email, $fields['name']);
		$token = Token::seal($config, $user, $email, $fields['name'], $fields['redirect_url'] ?? '');
		return response('', 302, ['Location' => $config['url'] . '/auth/callback?token=' . $token]);
	}

	public function callback(Request $request)
	{
		$config = config('peer');
		$claims = Token::open($config, (string)$request->query('token', ''));
		if (!$claims)
			return response()->json(['message' => 'Token invalid'], 401);
		$cookie = Store::arrive(DB::connection()->getPdo(), $config, $claims);
		if ($cookie === null)
			return response()->json(['message' => 'Token used'], 410);
		return response('', 302, ['Location' => $claims['redirect_url'] ?: $config['url'] . '/dashboard', 'Set-Cookie' => $cookie]);
	}
}
