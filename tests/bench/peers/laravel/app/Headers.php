<?php
namespace Peer\App;

/** The headers that every answer has, and CORS by the list. */
class Headers
{
	public function handle($request, \Closure $next)
	{
		$response = $next($request);
		$isHandoff = $request->is('api/auth/redirect/*');
		$set = $response->headers;
		$set->set('X-Request-Id', bin2hex(random_bytes(13)));
		foreach (config($isHandoff ? 'peer.handoff' : 'peer.callback') as $name => $value)
			$set->set($name, $value);
		$origin = $request->headers->get('Origin');
		if ($isHandoff && in_array($origin, config('peer.origins'), true)) {
			$set->set('Access-Control-Allow-Origin', $origin);
			foreach (config('peer.cors') as $name => $value)
				$set->set($name, $value);
		}
		return $response;
	}
}
